{{ config(order_by=["measure", "subject", "variant", "model_id", "corpus_id", "step"]) }}

-- This dbt model collects every quantity that is followed over the training of the language models. To add a
-- quantity, add a branch to the union.
with
    token_set as (
        select *, - log_prob_sum_nats / token_count as loss_nats from {{ ref("int_token_set_and_rest") }}
    ),

    option_loss as (select * from {{ ref("int_option_loss") }}),

    task_accuracy as (select * from {{ ref("int_task_accuracy") }} where normalisation = 'token'),

    -- An imported result may exist in several versions of its task and from several harnesses. One result is
    -- kept: the last by task version, then by the name of the harness, both in alphabetical order.
    eval_result as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            metric,
            argMax(metric_value, (task_version, harness)) as metric_value
        from {{ ref("stg_tasks__eval_result") }}
        group by model_id, step, task_id, shot_count, metric
    ),

    -- In these corpora, every document is a generated text that was made elsewhere. The loss of
    -- a checkpoint on such a corpus, or on the texts of one generation, is the measure
    -- `generation loss`.
    generated_corpus as (
        select corpus_id
        from {{ ref("stg_corpora__document") }}
        where corpus_id not in (select corpus_id from {{ ref("int_sequence_document") }})
        group by corpus_id
        having countIf(document_kind != 'generated') = 0
    ),

    foreign_text as (
        select *
        from {{ ref("int_log_prob_by_checkpoint") }}
        where corpus_id in (select corpus_id from generated_corpus)
    ),

    generated_text as (select * from {{ ref("int_generation_loss") }}),

    published_set as (select * from {{ ref("published_token_set_perplexity") }}),

    published_accuracy as (select * from {{ ref("int_published_task_accuracy") }}),

    measured as (
        select
            toString(corpus_id) as corpus_id,
            'token set loss' as measure,
            toString(set_model_id) as subject,
            concat(category, ' from ', toString(start_percent), '%') as variant,
            toString(set_model_id) as set_model_id,
            start_percent,
            toString(category) as category,
            toString(model_id) as model_id,
            step,
            loss_nats as measure_value,
            {{ token_set_loss_bound("lower") }} as measure_lower,
            {{ token_set_loss_bound("upper") }} as measure_upper,
            cast(null as Nullable(Float64)) as chance_value,
            toNullable(rest_token_count) as rest_token_count,
            rest_perplexity
        from token_set
        union all
        select
            'pg19-validation',
            'token set loss',
            concat(suite_id, '/', set_model_name),
            concat(category, ' from ', toString(start_percent), '%'),
            concat(suite_id, '/', set_model_name),
            start_percent,
            toString(category),
            concat(suite_id, '/', model_name),
            step,
            log(perplexity),
            null,
            null,
            null,
            null,
            null
        from published_set
        union all
        select
            '',
            if(is_correct, 'correct option loss', 'incorrect option loss'),
            toString(task_set),
            concat(toString(shot_count), '-shot'),
            '',
            0,
            '',
            toString(model_id),
            step,
            loss_nats,
            null,
            null,
            null,
            null,
            null
        from option_loss
        union all
        select
            '',
            'task accuracy',
            toString(task_set),
            concat(toString(shot_count), '-shot'),
            '',
            0,
            '',
            toString(model_id),
            step,
            accuracy_ratio,
            accuracy_lower,
            accuracy_upper,
            chance_accuracy_ratio,
            null,
            null
        from task_accuracy
        union all
        select
            'pg19-validation',
            'task accuracy',
            toString(task_set),
            concat(toString(shot_count), '-shot'),
            '',
            0,
            '',
            toString(model_id),
            step,
            accuracy_ratio,
            null,
            null,
            null,
            null,
            null
        from published_accuracy
        union all
        select
            '',
            'generation loss',
            toString(corpus_id),
            'generated text',
            '',
            0,
            '',
            toString(model_id),
            step,
            - log_prob_sum_nats / score_count,
            null,
            null,
            null,
            null,
            null
        from foreign_text
        union all
        select
            '',
            'generation loss',
            toString(generation_name),
            'generated text',
            '',
            0,
            '',
            toString(model_id),
            step,
            loss_nats,
            {{ bootstrap_bound("loss_replicates_nats", "lower", "document_block_count") }},
            {{ bootstrap_bound("loss_replicates_nats", "upper", "document_block_count") }},
            null,
            null,
            null
        from generated_text
        union all
        select
            '',
            'imported metric',
            toString(task_id),
            concat(metric, ', ', toString(shot_count), '-shot'),
            '',
            0,
            '',
            toString(model_id),
            step,
            metric_value,
            null,
            null,
            null,
            null,
            null
        from eval_result
    )

select
    toLowCardinality(corpus_id) as corpus_id,
    toLowCardinality(measure) as measure,
    toLowCardinality(subject) as subject,
    toLowCardinality(variant) as variant,
    toLowCardinality(set_model_id) as set_model_id,
    toUInt8(start_percent) as start_percent,
    toLowCardinality(category) as category,
    toLowCardinality(model_id) as model_id,
    step,
    measure_value,
    measure_lower,
    measure_upper,
    chance_value,
    rest_token_count,
    rest_perplexity
from measured

{{
    config(
        order_by=["corpus_id", "model_id", "step"],
        query_settings={"join_use_nulls": 1, "max_block_size": 1024},
    )
}}

with
    log_prob as (
        select *
        from {{ ref("int_log_prob_by_checkpoint") }}
        where
            (model_id, corpus_id)
            in (select model_id, corpus_id from {{ ref("int_text_series_fingerprint") }})
    ),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    replicate as (select * from {{ ref("int_loss_replicate_by_checkpoint") }}),

    document_interval as (
        select
            model_id,
            corpus_id,
            step,
            document_count,
            exp({{ bootstrap_bound("loss_replicates_nats", "lower", "document_count") }}) as perplexity_lower,
            exp({{ bootstrap_bound("loss_replicates_nats", "upper", "document_count") }}) as perplexity_upper,
            {{ bootstrap_bound("bits_per_byte_replicates", "lower", "document_count") }}
            as bits_per_byte_lower,
            {{ bootstrap_bound("bits_per_byte_replicates", "upper", "document_count") }}
            as bits_per_byte_upper
        from replicate
    ),

    -- The perplexity of a checkpoint is the geometric mean of the perplexities of its tokens, not their
    -- arithmetic mean.
    measured as (
        select
            {{ checkpoint_id("log_prob.model_id", "log_prob.step") }} as checkpoint_id,
            toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
            log_prob.model_id as model_id,
            coalesce(model.parameter_count, 0) as parameter_count,
            log_prob.corpus_id as corpus_id,
            log_prob.step as step,
            checkpoint.tokens_seen as tokens_seen,
            checkpoint.fraction_of_training as fraction_of_training,
            checkpoint.train_flops_6n as train_flops_6n,
            checkpoint.train_flops_palm as train_flops_palm,
            score_count,
            log_prob_sum_nats / score_count as mean_log_prob_nats,
            exp(- mean_log_prob_nats) as perplexity,
            if(byte_count > 0, - log_prob_sum_nats / (log(2) * byte_count), null) as bits_per_byte,
            coalesce(document_interval.document_count, 0) as document_count,
            perplexity_lower,
            perplexity_upper,
            bits_per_byte_lower,
            bits_per_byte_upper
        from log_prob
        left join
            document_interval
            on log_prob.model_id = document_interval.model_id
            and log_prob.corpus_id = document_interval.corpus_id
            and log_prob.step = document_interval.step
        left join checkpoint on log_prob.model_id = checkpoint.model_id and log_prob.step = checkpoint.step
        left join model on log_prob.model_id = model.model_id
    )

select *
from measured

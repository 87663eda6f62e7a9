{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "model_id", "step"],
    )
}}

with
    behaviour as (select * from {{ ref("int_behaviour_measure") }}),

    model as (
        select
            model_id,
            suite_id,
            parameter_count,
            batch_tokens,
            train_flops_per_token_6n,
            train_flops_per_token_palm
        from {{ ref("dim_model") }}
    ),

    -- Perplexities per token of different tokenizers cannot be compared.
    mixed_suite as (
        select suite_id, corpus_id from {{ ref("int_suite_tokenizer") }} where tokenizer_count > 1
    ),

    axis as (
        select
            toString(model_id) as model_id,
            step,
            toString(corpus_id) as corpus_id,
            toString(suite_id) as suite_id,
            parameter_count,
            tokens_seen,
            train_flops_6n,
            train_flops_palm,
            perplexity
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
        union all
        select
            model_id,
            step,
            'pg19-validation',
            toString(suite_id),
            parameter_count,
            tokens_seen,
            train_flops_6n,
            train_flops_palm,
            perplexity
        from {{ ref("fct_published_validation_perplexity") }}
    ),

    -- Every row has the perplexity of its checkpoint on a corpus. Some measures, such as task accuracies,
    -- have no corpus of their own. Such a measure gets one row for every corpus on which its checkpoint is
    -- scored, or one row without a perplexity if there is no such corpus.
    described as (
        select
            if(behaviour.corpus_id = '', axis.corpus_id, behaviour.corpus_id) as corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            if(axis.suite_id != '', axis.suite_id, model.suite_id) as suite_id,
            behaviour.model_id as model_id,
            if(axis.suite_id != '', axis.parameter_count, model.parameter_count) as parameter_count,
            behaviour.step as step,
            measure_value,
            measure_lower,
            measure_upper,
            chance_value,
            -- the perplexity of a token set is compared with that of the other tokens
            multiIf(
                (axis.suite_id, axis.corpus_id) in (select suite_id, corpus_id from mixed_suite),
                null,
                behaviour.rest_token_count is null,
                nullIf(axis.perplexity, 0),
                behaviour.rest_perplexity
            ) as validation_perplexity,
            if(
                axis.suite_id != '',
                axis.tokens_seen,
                if(model.batch_tokens > 0, behaviour.step * model.batch_tokens, null)
            ) as tokens_seen,
            if(
                axis.suite_id != '',
                axis.train_flops_6n,
                if(model.parameter_count > 0, toFloat64(tokens_seen) * model.train_flops_per_token_6n, null)
            ) as train_flops_6n,
            if(
                axis.suite_id != '',
                axis.train_flops_palm,
                if(model.parameter_count > 0, toFloat64(tokens_seen) * model.train_flops_per_token_palm, null)
            ) as train_flops_palm
        from behaviour
        left join axis on toString(behaviour.model_id) = axis.model_id and behaviour.step = axis.step
        left join model on behaviour.model_id = model.model_id
        -- The loss on a generated corpus is not paired with the perplexity on the same corpus, because the
        -- perplexity is only the exponential of this loss.
        where
            behaviour.corpus_id in ('', axis.corpus_id)
            and not (measure = 'generation loss' and subject = axis.corpus_id)
    )

select
    toLowCardinality(suite_id) as suite_id,
    toLowCardinality(corpus_id) as corpus_id,
    measure,
    subject,
    variant,
    set_model_id,
    start_percent,
    category,
    model_id,
    parameter_count,
    step,
    measure_value,
    measure_lower,
    measure_upper,
    chance_value,
    validation_perplexity,
    train_flops_6n,
    train_flops_palm,
    tokens_seen
from described

{{
    config(
        order_by=["corpus_id", "comparison", "model_id", "step", "reference_model_id"],
        query_settings={
            "join_use_nulls": 0,
            "max_block_size": 1024,
            "max_joined_block_size_rows": 1024,
        },
    )
}}

with
    pair as (select * from {{ ref("int_perplexity_comparison") }}),

    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    perplexity as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    measured as (
        select
            perplexity.model_id as model_id,
            perplexity.corpus_id as corpus_id,
            perplexity.step as step,
            parameter_count,
            perplexity.perplexity as perplexity,
            bits_per_byte,
            (tokenizer_id, score_count) as token_identity,
            replicate.document_count as document_count,
            loss_replicates_nats,
            bits_per_byte_replicates
        from perplexity
        inner join series on perplexity.model_id = series.model_id and perplexity.corpus_id = series.corpus_id
        inner join
            {{ ref("int_loss_replicate_by_checkpoint") }} as replicate
            on perplexity.model_id = replicate.model_id
            and perplexity.corpus_id = replicate.corpus_id
            and perplexity.step = replicate.step
    ),

    paired as (
        select
            pair.suite_id as suite_id,
            pair.corpus_id as corpus_id,
            pair.comparison as comparison,
            pair.model_id as model_id,
            pair.step as step,
            pair.reference_model_id as reference_model_id,
            pair.reference_step as reference_step,
            own.parameter_count as parameter_count,
            own.perplexity as perplexity,
            reference.perplexity as reference_perplexity,
            own.token_identity = reference.token_identity as has_same_tokens,
            least(own.document_count, reference.document_count) as document_count,
            own.bits_per_byte - reference.bits_per_byte as bits_per_byte_difference,
            arrayMap(
                (own_loss, reference_loss) -> own_loss - reference_loss,
                own.loss_replicates_nats,
                reference.loss_replicates_nats
            ) as log_ratios,
            arrayMap(
                (own_bits, reference_bits) -> own_bits - reference_bits,
                if(bits_per_byte_difference is null, [], own.bits_per_byte_replicates),
                if(bits_per_byte_difference is null, [], reference.bits_per_byte_replicates)
            ) as bits_per_byte_differences
        from pair
        inner join
            measured as own
            on pair.model_id = own.model_id
            and pair.corpus_id = own.corpus_id
            and pair.step = own.step
        inner join
            measured as reference
            on pair.reference_model_id = reference.model_id
            and pair.corpus_id = reference.corpus_id
            and pair.reference_step = reference.step
    ),

    -- The logarithm of the ratio is a difference of mean losses. Each replicate draws the same documents for
    -- both checkpoints.
    bounded as (
        select
            suite_id,
            corpus_id,
            comparison,
            model_id,
            parameter_count,
            step,
            reference_model_id,
            reference_step,
            document_count,
            perplexity,
            reference_perplexity,
            if(has_same_tokens, perplexity / reference_perplexity, null) as perplexity_ratio,
            if(
                has_same_tokens, exp({{ bootstrap_bound("log_ratios", "lower", "document_count") }}), null
            ) as perplexity_ratio_lower,
            if(
                has_same_tokens, exp({{ bootstrap_bound("log_ratios", "upper", "document_count") }}), null
            ) as perplexity_ratio_upper,
            bits_per_byte_difference,
            {{ bootstrap_bound("bits_per_byte_differences", "lower", "document_count") }}
            as bits_per_byte_difference_lower,
            {{ bootstrap_bound("bits_per_byte_differences", "upper", "document_count") }}
            as bits_per_byte_difference_upper
        from paired
    )

select *
from bounded

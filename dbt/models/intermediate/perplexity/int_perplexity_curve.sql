{{
    config(
        order_by=["corpus_id", "model_id", "replicate_id"],
        query_settings={"max_block_size": 1024, "max_joined_block_size_rows": 1024},
    )
}}

with
    checkpoint as (
        select *, assumeNotNull(train_flops_palm) as train_flops
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
        where train_flops_palm > 0
    ),

    tokenized as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    -- Replicate 0 is the corpus itself. Bits per byte that are unknown are NaN.
    replicated as (
        select
            checkpoint.suite_id as suite_id,
            checkpoint.model_id as model_id,
            checkpoint.parameter_count as parameter_count,
            checkpoint.corpus_id as corpus_id,
            checkpoint.step as step,
            train_flops,
            checkpoint.score_count as score_count,
            tokenizer_id,
            replicate.document_count as document_count,
            arrayConcat([- checkpoint.mean_log_prob_nats], loss_replicates_nats) as losses_nats,
            arrayResize(
                arrayConcat([ifNull(checkpoint.bits_per_byte, nan)], bits_per_byte_replicates),
                length(losses_nats),
                nan
            ) as bits_per_byte
        from checkpoint
        inner join
            tokenized
            on checkpoint.model_id = tokenized.model_id
            and checkpoint.corpus_id = tokenized.corpus_id
        inner join
            {{ ref("int_loss_replicate_by_checkpoint") }} as replicate
            on checkpoint.model_id = replicate.model_id
            and checkpoint.corpus_id = replicate.corpus_id
            and checkpoint.step = replicate.step
    ),

    curve as (
        select
            any(suite_id) as suite_id,
            model_id,
            any(parameter_count) as parameter_count,
            corpus_id,
            toInt32(replicate_number - 1) as replicate_id,
            any(tokenizer_id) as tokenizer_id,
            max(score_count) as score_count,
            min(document_count) as document_count,
            arraySort(groupArray((step, train_flops, exp(loss_nats), exp2(bits)))) as points,
            points .2 as train_flops_palm,
            points .3 as perplexities,
            points .4 as perplexities_per_byte
        from replicated
        array join
            losses_nats as loss_nats, bits_per_byte as bits, arrayEnumerate(losses_nats) as replicate_number
        group by model_id, corpus_id, replicate_id
    )

select * except (points)
from curve

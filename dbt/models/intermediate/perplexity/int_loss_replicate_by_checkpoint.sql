{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["step"],
        query_settings={"max_block_size": 1024, "max_joined_block_size_rows": 1024},
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    document_weight as (
        select corpus_id, document_block, any(weights) as weights
        from {{ ref("int_document_weight") }}
        where corpus_id in (select corpus_id from stale_pair)
        group by corpus_id, document_block
    ),

    -- Tokens with scores at the same checkpoints are summed as arrays, which is faster than row by row.
    block_series as (
        select
            model_id,
            corpus_id,
            {{ document_block("document_id") }} as document_block,
            any(token_series.steps) as block_steps,
            sumForEach(token_series.log_prob_nats) as block_log_prob_nats,
            count() as block_token_count,
            if(count(byte_count) = count(), sum(token_series.byte_count), null) as block_byte_count,
            any(token_series.series_fingerprint) as block_fingerprint
        from token_series
        where not is_prompt
        group by model_id, corpus_id, document_block, step_set_id
    ),

    -- The sums are rounded to 2^-20 nats. Weighted sums of such numbers are exact, so that two builds give
    -- identical digits.
    block_loss as (
        select
            model_id,
            corpus_id,
            document_block,
            block_token_count,
            block_byte_count,
            block_fingerprint,
            step,
            round(- log_prob_nats * exp2(20)) / exp2(20) as block_loss_nats
        from block_series
        array join block_steps as step, block_log_prob_nats as log_prob_nats
    ),

    summed as (
        select
            model_id,
            corpus_id,
            step,
            toInt64(uniqExact(document_block)) as document_count,
            {{ weighted_document_sums("block_loss_nats") }} as loss_sums,
            {{ weighted_document_sums("block_token_count") }} as token_sums,
            {{ weighted_document_sums("ifNull(block_byte_count, 0)") }} as byte_sums,
            countIf(block_byte_count is null) = 0 as has_bytes,
            any(block_fingerprint) as series_fingerprint
        from block_loss
        inner join document_weight using (corpus_id, document_block)
        group by model_id, corpus_id, step
    ),

    replicated as (
        select
            model_id,
            corpus_id,
            step,
            document_count,
            arrayMap((loss, tokens) -> loss / tokens, loss_sums, token_sums) as loss_replicates_nats,
            if(
                has_bytes, arrayMap((loss, bytes) -> loss / bytes / log(2), loss_sums, byte_sums), []
            ) as bits_per_byte_replicates,
            series_fingerprint
        from summed
    )

select *
from replicated

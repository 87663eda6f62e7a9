{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["generation_key", "step"],
        query_settings={"max_block_size": 1024, "max_joined_block_size_rows": 1024},
        pre_hook="{{ drop_vanished_pairs(ref('int_sequence_series_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_sequence_series_fingerprint"), "series_fingerprint") }}),

    -- The sums are rounded to 2^-20 nats. Weighted sums of such numbers are exact, so that two builds
    -- give identical digits.
    block_loss as (
        select
            model_id,
            corpus_id,
            generation_key,
            origin_corpus_id,
            document_block,
            step,
            toInt64(count()) as block_text_count,
            sum(token_count) as block_token_count,
            round(sum(loss_sum_nats) * exp2(20)) / exp2(20) as block_loss_nats,
            if(count(byte_count) = count(), sum(byte_count), null) as block_byte_count,
            any(series_fingerprint) as block_fingerprint
        from {{ ref("int_sequence_loss_by_document") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
        group by model_id, corpus_id, generation_key, origin_corpus_id, document_block, step
    ),

    summed as (
        select
            model_id,
            corpus_id,
            generation_key,
            step,
            sum(block_text_count) as text_count,
            toInt64(count()) as document_block_count,
            sum(block_token_count) as token_count,
            sum(block_loss_nats) as loss_sum_nats,
            if(count(block_byte_count) = count(), sum(block_byte_count), null) as byte_count,
            {{ weighted_document_sums("block_loss_nats") }} as loss_sums,
            {{ weighted_document_sums("block_token_count") }} as token_sums,
            {{ weighted_document_sums("ifNull(block_byte_count, 0)") }} as byte_sums,
            any(block_fingerprint) as series_fingerprint
        from block_loss
        inner join {{ ref("int_sequence_weight") }} as weight using (origin_corpus_id, document_block)
        group by model_id, corpus_id, generation_key, step
    ),

    replicated as (
        select
            model_id,
            corpus_id,
            generation_key,
            step,
            text_count,
            document_block_count,
            token_count,
            loss_sum_nats,
            byte_count,
            arrayMap((loss, tokens) -> loss / tokens, loss_sums, token_sums) as loss_replicates_nats,
            if(
                byte_count > 0, arrayMap((loss, bytes) -> loss / bytes / log(2), loss_sums, byte_sums), []
            ) as bits_per_byte_replicates,
            series_fingerprint
        from summed
    )

select *
from replicated

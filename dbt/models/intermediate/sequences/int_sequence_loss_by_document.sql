{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["document_id", "step"],
        pre_hook="{{ drop_vanished_pairs(ref('int_sequence_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_sequence_series_fingerprint") }},

    token_score as (
        select model_id, corpus_id, document_id, step, score_nats, byte_count, series_fingerprint
        from token_series
        array join steps as step, log_prob_nats as score_nats
        where not is_prompt
    ),

    -- Scores are summed as decimals because a sum of floats would depend on the order of the rows.
    summed as (
        select
            model_id,
            corpus_id,
            document_id,
            step,
            toInt64(count()) as token_count,
            - toFloat64(sum(toDecimal64(toFloat64(score_nats), 9))) as loss_sum_nats,
            if(count(token_score.byte_count) = count(), sum(token_score.byte_count), null) as byte_count,
            any(token_score.series_fingerprint) as series_fingerprint
        from token_score
        group by model_id, corpus_id, document_id, step
    ),

    described as (
        select
            model_id,
            summed.corpus_id as corpus_id,
            summed.document_id as document_id,
            document.generation_key as generation_key,
            document.origin_corpus_id as origin_corpus_id,
            document.origin_document_id as origin_document_id,
            document.document_block as document_block,
            step,
            token_count,
            loss_sum_nats,
            byte_count,
            series_fingerprint
        from summed
        inner join
            {{ ref("int_sequence_document") }} as document
            on summed.corpus_id = document.corpus_id
            and summed.document_id = document.document_id
    )

select *
from described

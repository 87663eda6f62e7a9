{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["step", "bucket"],
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    -- The bucket is a hash of document and position, so it is the same under every model. Scores and their
    -- powers are summed as decimals because a sum of floats would depend on the order of the rows.
    summed as (
        select
            model_id,
            corpus_id,
            step,
            toUInt8(cityHash64('random token set', document_id, position) % 100) as bucket,
            toInt64(count()) as token_count,
            toFloat64(sum(toDecimal64(toFloat64(score_nats), 9))) as log_prob_sum_nats,
            toFloat64(sum(toDecimal128(pow(toFloat64(score_nats), 2), 9))) as squared_loss_sum,
            toFloat64(sum(toDecimal128(- pow(toFloat64(score_nats), 3), 6))) as cubed_loss_sum,
            any(token_series.series_fingerprint) as series_fingerprint
        from token_series
        array join steps as step, log_prob_nats as score_nats
        where not is_prompt
        group by model_id, corpus_id, step, bucket
    )

select *
from summed

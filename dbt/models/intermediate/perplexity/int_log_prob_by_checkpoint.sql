{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["step"],
        pre_hook="{{ drop_vanished_pairs(ref('int_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series() }},

    token_score as (
        select model_id, corpus_id, step, score_nats, byte_count, series_fingerprint
        from token_series
        array join steps as step, log_prob_nats as score_nats
        where not is_prompt
    ),

    -- Scores are summed as decimals because a sum of floats would depend on the order of the rows. With
    -- decimals, two builds give identical digits.
    summed as (
        select
            model_id,
            corpus_id,
            step,
            toInt64(count()) as score_count,
            toFloat64(sum(toDecimal64(toFloat64(score_nats), 9))) as log_prob_sum_nats,
            if(count(token_score.byte_count) = count(), sum(token_score.byte_count), null) as byte_count,
            any(token_score.series_fingerprint) as series_fingerprint
        from token_score
        group by model_id, corpus_id, step
    )

select *
from summed

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["document_id", "position"],
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    turning_point as (
        select
            *,
            arrayMap(score -> - toFloat64(score), log_prob_nats) as losses,
            {{ double_descent_turning_points("losses") }}
        from token_series
        where not is_prompt
    ),

    described as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            steps[early] as minimum_step,
            steps[peak] as peak_step,
            steps[late] as later_minimum_step,
            toFloat32(losses[early]) as minimum_loss_nats,
            toFloat32(rises[peak]) as rise_nats,
            toFloat32(losses[peak] - losses[late]) as fall_nats,
            toBool(rises[peak] > 0 and losses[late] < losses[early]) as falls_below_minimum,
            series_fingerprint
        from turning_point
    )

select *
from described

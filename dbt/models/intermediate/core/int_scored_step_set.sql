{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["step_set_id"],
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    counted as (
        select
            model_id,
            corpus_id,
            step_set_id,
            any(token_series.steps) as steps,
            toInt64(countIf(not is_prompt)) as token_count,
            any(token_series.series_fingerprint) as series_fingerprint
        from token_series
        group by model_id, corpus_id, step_set_id
    )

select *
from counted

{{
    config(
        materialized="incremental",
        incremental_strategy="insert_overwrite",
        on_schema_change="fail",
        engine="MergeTree()",
        partition_by=["model_id", "corpus_id"],
        order_by=["grid_id"],
        pre_hook="{{ drop_vanished_pairs(ref('int_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series() }},

    grid as (
        select
            model_id,
            corpus_id,
            grid_id,
            any(token_series.steps) as steps,
            toInt64(countIf(not is_prompt)) as token_count,
            any(token_series.series_fingerprint) as series_fingerprint
        from token_series
        group by model_id, corpus_id, grid_id
    )

select *
from grid

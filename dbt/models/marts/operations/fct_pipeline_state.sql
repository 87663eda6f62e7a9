{{ config(materialized="view") }}

with
    state as (
        select
            suite_id,
            corpus_id,
            toInt64(count()) as found_count,
            toInt64(countIf(pipeline_state in ('in the marts', 'other beginning'))) as done_count,
            toInt64(countIf(pipeline_state = 'waiting')) as waiting_count,
            toInt64(countIf(pipeline_state = 'scored')) as underived_count,
            toInt64(countIf(pipeline_state in ('interrupted', 'refused'))) as failed_count,
            max(scored_at) as newest_scored_at,
            quantileExact(0.5)
            (lag_seconds) as median_lag_seconds
        from {{ ref("fct_pipeline_health") }}
        group by suite_id, corpus_id
    )

select *
from state

{{ config(materialized="view") }}

with
    scoring_run as (select * from {{ ref("stg_scoring__scoring_run") }}),

    described as (
        select
            scoring_run_id,
            run_kind,
            started_at,
            finished_at,
            if(finished_at is null, 'unfinished', 'finished') as run_state,
            dateDiff('millisecond', started_at, finished_at) / 1000 as duration_seconds,
            user_name,
            host_name,
            trailhouse_version,
            device,
            dtype,
            checkpoint_count,
            score_count,
            tokens_per_second,
            verified_count,
            largest_difference_nats
        from scoring_run
    )

select *
from described

with
    -- FINAL: superseded rows stay in the table until it is merged; only the latest row counts.
    source as (select * from {{ source("scoring", "raw_scoring_run") }} final),

    renamed as (
        select
            scoring_run_id,
            run_kind,
            started_at,
            finished_at,
            user_name,
            host_name,
            trailhouse_version,
            device,
            dtype,
            score_count,
            checkpoint_count,
            tokens_per_second
        from source
    )

select *
from renamed

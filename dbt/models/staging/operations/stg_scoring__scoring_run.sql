with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
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
            attention_implementation,
            library_versions,
            score_count,
            checkpoint_count,
            tokens_per_second,
            verified_count,
            largest_difference_nats
        from source
    )

select *
from renamed

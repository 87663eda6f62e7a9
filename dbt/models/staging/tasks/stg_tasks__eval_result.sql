with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("evaluation", "raw_eval_result") }} final),

    renamed as (
        select
            harness,
            model_id,
            step,
            task_id,
            task_version,
            shot_count,
            metric,
            value as metric_value,
            standard_error,
            is_higher_better,
            item_count,
            source as result_source,
            imported_at
        from source
        where {{ is_left_in() }}
    )

select *
from renamed

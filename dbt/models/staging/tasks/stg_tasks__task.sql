with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("evaluation", "raw_task") }} final),

    renamed as (
        select
            task_id,
            parent_task_id,
            description as task_description,
            keywords,
            preferred_metric,
            format as task_format,
            source as task_source,
            prompt_format,
            item_count,
            option_count,
            toString(task_sha256) as task_sha256
        from source
    )

select *
from renamed

with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("evaluation", "raw_task_group") }} final),

    unfolded as (select task_group, arrayJoin(task_ids) as task_id from source)

select *
from unfolded

with
    present as (select task_id, task_sha256 from {{ ref("stg_tasks__task") }}),

    -- Items are kept only if their task is registered. A task is registered after its items, so an
    -- interrupted registration leaves items without a task.
    task_item as (
        select
            task_id,
            item_id,
            option_index,
            input,
            option_text,
            target_score,
            is_correct,
            toString(task_sha256) as task_sha256
        from {{ source("evaluation", "raw_task_item") }}
    )

select task_item.*
from task_item
inner join present using (task_id, task_sha256)

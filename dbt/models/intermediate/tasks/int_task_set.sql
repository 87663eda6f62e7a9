{{ config(order_by=["task_set_kind", "task_set", "task_id"]) }}

with
    task as (
        select toString(task_id) as task_id, toString(parent_task_id) as parent_task_id
        from {{ ref("stg_tasks__task") }}
    ),

    grouped as (
        select toString(task_group) as task_group, toString(task_id) as grouped_task_id
        from {{ ref("task_group") }}
        union distinct
        select toString(task_group), toString(task_id)
        from {{ ref("stg_tasks__task_group") }}
    ),

    -- A group may name a task with all of its subtasks, or a single subtask.
    group_member as (
        select task_group, task_id, parent_task_id
        from task
        inner join grouped on task.parent_task_id = grouped.grouped_task_id
        union distinct
        select task_group, task_id, parent_task_id
        from task
        inner join grouped on task.task_id = grouped.grouped_task_id
    ),

    -- In a group, all subtasks of a task count as one task, as in BIG-Bench.
    member as (
        select 'task' as task_set_kind, task_id as task_set, task_id, task_id as counted_task_id
        from task
        union all
        select 'task', parent_task_id, task_id, task_id
        from task
        where parent_task_id not in (select task_id from task)
        union all
        select 'group', 'all', task_id, parent_task_id
        from task
        union all
        select 'group', task_group, task_id, parent_task_id
        from group_member
    )

select
    toLowCardinality(task_set_kind) as task_set_kind,
    toLowCardinality(task_set) as task_set,
    toLowCardinality(task_id) as task_id,
    toLowCardinality(counted_task_id) as counted_task_id
from member

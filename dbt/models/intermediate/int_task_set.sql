{{ config(engine="MergeTree()", order_by=["task_set_kind", "task_set", "task_id"]) }}

with
    task as (select task_id, parent_task_id from {{ ref("stg_tasks__task") }}),

    published as (select task_group, task_id as parent_task_id from {{ ref("task_group") }}),

    member as (
        select 'task' as task_set_kind, toString(task_id) as task_set, toString(task_id) as task_id
        from task
        union all
        select 'group', 'all', toString(task_id)
        from task
        union all
        select 'group', toString(task_group), toString(task_id)
        from task
        inner join published using (parent_task_id)
    )

select
    toLowCardinality(task_set_kind) as task_set_kind,
    toLowCardinality(task_set) as task_set,
    toLowCardinality(task_id) as task_id
from member

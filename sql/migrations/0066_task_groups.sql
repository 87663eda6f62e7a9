create table raw_task_group (
    task_group LowCardinality(String) comment 'Name of the group, as the user gave it',
    task_ids Array(String) comment 'Tasks of the group, without subtasks where all subtasks of a task belong to it; empty if the group was removed',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by task_group
comment 'One row per group of tasks that a user declared';

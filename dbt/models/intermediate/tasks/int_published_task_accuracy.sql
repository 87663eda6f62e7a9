{{ config(materialized="view") }}

with
    published_accuracy as (select * from {{ ref("published_task_accuracy") }}),

    -- The prefixes `bigbench: ` and `mean of ` are removed from a published name, so that tasks and groups of
    -- tasks have the same names as in our own evaluations. A name with the prefix `mean of ` is a group of
    -- tasks.
    renamed as (
        select
            suite_id,
            concat(suite_id, '/', model_name) as model_id,
            if(startsWith(name, 'mean of '), 'group', 'task') as task_set_kind,
            replaceOne(replaceOne(toString(task_id), 'bigbench: ', '') as name, 'mean of ', '') as task_set,
            toInt16(2) as shot_count,
            step,
            accuracy_percent / 100 as accuracy_ratio
        from published_accuracy
    )

select *
from renamed

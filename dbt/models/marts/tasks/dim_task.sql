{{ config(order_by=["task_id"]) }}

with
    task as (select * from {{ ref("stg_tasks__task") }}),

    task_item as (
        select
            task_id,
            item_id,
            toInt64(count()) as options_of_item,
            toInt64(countIf(is_correct)) as correct_options_of_item
        from {{ ref("stg_tasks__task_item") }}
        group by task_id, item_id
    ),

    -- The accuracy of choosing at random is the mean over the items of (number of correct options) / (number
    -- of options). See Xia et al. 2023, section 5.
    summary as (
        select
            task_id,
            avg(options_of_item) as mean_options_per_item,
            avg(correct_options_of_item / options_of_item) as random_accuracy_ratio,
            toBool(max(correct_options_of_item) = 1) as has_one_correct_option
        from task_item
        group by task_id
    ),

    published as (
        select task_id, arrayStringConcat(arraySort(groupUniqArray(task_group)), ', ') as published_groups
        from {{ ref("task_group") }}
        group by task_id
    ),

    described as (
        select
            task.task_id as task_id,
            parent_task_id,
            task_description,
            arrayStringConcat(keywords, ', ') as keywords,
            preferred_metric,
            task_format,
            task_source,
            prompt_format,
            item_count,
            option_count,
            mean_options_per_item,
            random_accuracy_ratio,
            has_one_correct_option,
            published_groups,
            task_sha256
        from task
        inner join summary on task.task_id = summary.task_id
        left join published on task.parent_task_id = published.task_id
    )

select *
from described

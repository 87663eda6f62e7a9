{{ config(materialized="view") }}

with
    model as (select model_id, model_name from {{ ref("dim_model") }}),

    ordered_accuracy as (
        select
            *,
            row_number() over (
                partition by model_id, task_set, shot_count, normalisation order by step desc
            ) as steps_from_newest
        from {{ ref("fct_task_accuracy_by_checkpoint") }}
        where task_set_kind = 'task'
    ),

    standing as (
        select
            ordered_accuracy.suite_id as suite_id,
            ordered_accuracy.model_id as model_id,
            model.model_name as model_name,
            ordered_accuracy.parameter_count as parameter_count,
            task_set,
            shot_count,
            normalisation,
            step,
            item_count,
            accuracy_ratio,
            accuracy_lower,
            accuracy_upper,
            chance_accuracy_ratio,
            accuracy_ratio - chance_accuracy_ratio as above_chance_ratio,
            toInt64(round(100 * accuracy_ratio)) as accuracy_percent,
            toInt64(round(100 * accuracy_lower)) as lower_percent,
            toInt64(round(100 * accuracy_upper)) as upper_percent,
            toInt64(round(100 * chance_accuracy_ratio)) as chance_percent,
            multiIf(
                accuracy_lower > chance_accuracy_ratio,
                'above chance',
                accuracy_upper < chance_accuracy_ratio,
                'below chance',
                'not distinguishable from chance'
            ) as verdict
        from ordered_accuracy
        inner join model on ordered_accuracy.model_id = model.model_id
        where steps_from_newest = 1
    )

select *
from standing

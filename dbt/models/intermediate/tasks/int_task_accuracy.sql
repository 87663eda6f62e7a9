{{
    config(
        order_by=["model_id", "task_set_kind", "task_set", "shot_count", "normalisation", "step"],
    )
}}

with
    outcome_count as (select * from {{ ref("int_outcome_count") }}),

    task_set as (select * from {{ ref("int_task_set") }}),

    -- Each seed draws different exemplars, but the items stay the same. The number of items in the standard
    -- error therefore does not grow with the number of seeds.
    averaged as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            normalisation,
            toInt64(uniqExact(seed)) as seed_count,
            max(item_count) as items_of_task,
            sum(correct_count) / sum(item_count) as accuracy,
            avg(chance_accuracy_ratio) as chance_accuracy
        from outcome_count
        group by model_id, step, task_id, shot_count, normalisation
    ),

    counted as (
        select
            model_id,
            step,
            task_set.task_set_kind as task_set_kind,
            task_set.task_set as task_set,
            shot_count,
            normalisation,
            task_set.counted_task_id as counted_task_id,
            min(averaged.seed_count) as seeds_of_task,
            sum(averaged.items_of_task) as items_of_task,
            avg(averaged.accuracy) as accuracy,
            sum(averaged.accuracy * (1 - averaged.accuracy) / averaged.items_of_task)
            / pow(count(), 2) as accuracy_variance,
            avg(averaged.chance_accuracy) as chance_accuracy
        from averaged
        inner join task_set on averaged.task_id = task_set.task_id
        group by model_id, step, task_set_kind, task_set, shot_count, normalisation, counted_task_id
    ),

    combined as (
        select
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            toInt64(count()) as task_count,
            min(seeds_of_task) as seed_count,
            toInt64(sum(items_of_task)) as item_count,
            avg(accuracy) as accuracy_ratio,
            sqrt(sum(accuracy_variance)) / count() as standard_error,
            avg(chance_accuracy) as chance_accuracy_ratio
        from counted
        group by model_id, step, task_set_kind, task_set, shot_count, normalisation
    )

select *
from combined

{{
    config(
        order_by=["model_id", "task_id", "shot_count", "normalisation", "seed", "step"],
    )
}}

with
    outcome as (select * from {{ ref("int_item_outcome") }}),

    counted as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            normalisation,
            toInt64(count()) as item_count,
            toInt64(countIf(is_correct)) as correct_count,
            avg(chance_ratio) as chance_accuracy_ratio,
            avg(chosen_score) as expected_score,
            avg(outcome.chance_score) as chance_score
        from outcome
        group by model_id, step, task_id, shot_count, seed, normalisation
    )

select *
from counted

{{
    config(
        order_by=["suite_id", "task_id", "shot_count", "normalisation", "seed", "model_id", "step"],
    )
}}

with
    outcome_count as (select * from {{ ref("int_outcome_count") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    measured as (
        select
            {{ checkpoint_id("outcome_count.model_id", "step") }} as checkpoint_id,
            model.suite_id as suite_id,
            outcome_count.model_id as model_id,
            step,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_count,
            correct_count,
            correct_count / item_count as accuracy_ratio,
            sqrt(accuracy_ratio * (1 - accuracy_ratio) / item_count) as standard_error,
            greatest(0, {{ wilson_bound("accuracy_ratio", "item_count", "-") }}) as accuracy_lower,
            least(1, {{ wilson_bound("accuracy_ratio", "item_count", "+") }}) as accuracy_upper,
            chance_accuracy_ratio
        from outcome_count
        inner join model on outcome_count.model_id = model.model_id
    )

select *
from measured

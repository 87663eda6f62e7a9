{{
    config(
        order_by=["suite_id", "task_id", "shot_count", "normalisation", "seed", "model_id", "step"],
    )
}}

with
    outcome_count as (select * from {{ ref("int_outcome_count") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    prompt as (select * from {{ ref("int_prompt") }}),

    measured as (
        select
            {{ checkpoint_id("outcome_count.model_id", "outcome_count.step") }} as checkpoint_id,
            model.suite_id as suite_id,
            outcome_count.model_id as model_id,
            outcome_count.step as step,
            outcome_count.task_id as task_id,
            outcome_count.shot_count as shot_count,
            outcome_count.seed as seed,
            normalisation,
            item_count,
            prompt.exemplar_count / prompt.prompt_count as mean_exemplar_count,
            prompt.shortened_prompt_count / prompt.prompt_count as shortened_item_ratio,
            correct_count,
            correct_count / item_count as accuracy_ratio,
            sqrt(accuracy_ratio * (1 - accuracy_ratio) / item_count) as standard_error,
            greatest(0, {{ wilson_bound("accuracy_ratio", "item_count", "-") }}) as accuracy_lower,
            least(1, {{ wilson_bound("accuracy_ratio", "item_count", "+") }}) as accuracy_upper,
            chance_accuracy_ratio,
            (accuracy_ratio - chance_accuracy_ratio)
            / (1 - chance_accuracy_ratio) as chance_corrected_accuracy,
            expected_score,
            chance_score
        from outcome_count
        inner join model on outcome_count.model_id = model.model_id
        inner join prompt using (model_id, step, task_id, shot_count, seed)
    )

select *
from measured

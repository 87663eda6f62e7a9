{{
    config(
        order_by=[
            "suite_id",
            "comparison",
            "task_set_kind",
            "task_set",
            "shot_count",
            "normalisation",
            "seed",
            "first_model_id",
            "second_model_id",
            "second_step",
        ],
    )
}}

with
    outcome_change as (select * from {{ ref("int_outcome_change") }}),

    task_set as (select * from {{ ref("int_task_set") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    last_step as (
        select model_id, task_id, shot_count, max(step) as step
        from {{ ref("int_outcome_count") }}
        group by model_id, task_id, shot_count
    ),

    last_outcome as (
        select
            model_id,
            model.suite_id as suite_id,
            model.parameter_count as parameter_count,
            outcome.step as step,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_id,
            toUInt8(is_correct) as is_right
        from {{ ref("int_item_outcome") }} as outcome
        inner join model using (model_id)
        where (model_id, task_id, shot_count, outcome.step) in (select * from last_step)
    ),

    between_models as (
        select
            toLowCardinality('last checkpoints of two models') as comparison,
            smaller.suite_id as suite_id,
            smaller.model_id as first_model_id,
            smaller.step as first_step,
            larger.model_id as second_model_id,
            larger.step as second_step,
            smaller.task_id as task_id,
            smaller.shot_count as shot_count,
            smaller.seed as seed,
            smaller.normalisation as normalisation,
            toInt64(count()) as item_count,
            toInt64(sum(smaller.is_right)) as first_correct_count,
            toInt64(sum(larger.is_right)) as second_correct_count,
            toInt64(countIf(smaller.is_right > larger.is_right)) as only_first_correct_count,
            toInt64(countIf(smaller.is_right < larger.is_right)) as only_second_correct_count
        from last_outcome as smaller
        inner join last_outcome as larger using (suite_id, task_id, shot_count, seed, normalisation, item_id)
        where (smaller.parameter_count, smaller.model_id) < (larger.parameter_count, larger.model_id)
        group by
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            task_id,
            shot_count,
            seed,
            normalisation
    ),

    between_checkpoints as (
        select
            comparison,
            model.suite_id as suite_id,
            outcome_change.model_id as first_model_id,
            first_step,
            outcome_change.model_id as second_model_id,
            step as second_step,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_count,
            first_correct_count,
            second_correct_count,
            only_first_correct_count,
            only_second_correct_count
        from outcome_change
        inner join model on outcome_change.model_id = model.model_id
    ),

    pooled as (
        select
            comparison,
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            task_set_kind,
            task_set.task_set as task_set,
            shot_count,
            seed,
            normalisation,
            sum(every.item_count) as item_count,
            sum(every.first_correct_count) / item_count as first_accuracy_ratio,
            sum(every.second_correct_count) / item_count as second_accuracy_ratio,
            sum(every.only_first_correct_count) as only_first_correct_count,
            sum(every.only_second_correct_count) as only_second_correct_count
        from
            (
                select *
                from between_models
                union all
                select *
                from between_checkpoints
            ) as every
        inner join task_set on every.task_id = task_set.task_id
        group by
            comparison,
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            task_set_kind,
            task_set,
            shot_count,
            seed,
            normalisation
    )

select *, {{ mcnemar_p_value("only_first_correct_count", "only_second_correct_count") }} as p_value
from pooled

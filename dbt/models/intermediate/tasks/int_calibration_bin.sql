{{
    config(
        order_by=[
            "model_id",
            "task_set_kind",
            "task_set",
            "shot_count",
            "normalisation",
            "seed",
            "step",
            "bin",
        ],
    )
}}

{%- set bin_count = var("calibration_bin_count", 10) %}

with
    outcome as (select * from {{ ref("int_item_outcome") }}),

    -- The bins have equal width and include their upper end, as in Guo et al. 2017.
    binned as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            normalisation,
            toUInt8(least({{ bin_count }}, greatest(1, ceil(confidence_ratio * {{ bin_count }})))) as bin,
            toInt64(count()) as choice_count,
            toInt64(countIf(is_correct)) as correct_count,
            toFloat64(sum(toDecimal64(confidence_ratio, 12))) as confidence_sum
        from outcome
        group by model_id, step, task_id, shot_count, seed, normalisation, bin
    ),

    -- The bins of a set of tasks hold the choices on the tasks that every compared checkpoint has.
    pooled as (
        select
            model.suite_id as suite_id,
            binned.model_id as model_id,
            binned.step as step,
            balanced_task.task_set_kind as task_set_kind,
            balanced_task.task_set as task_set,
            binned.shot_count as shot_count,
            binned.seed as seed,
            binned.normalisation as normalisation,
            bin,
            sum(binned.choice_count) as choice_count,
            sum(binned.correct_count) as correct_count,
            sum(binned.confidence_sum) as confidence_sum
        from binned
        inner join {{ ref("stg_registry__model") }} as model on binned.model_id = model.model_id
        inner join
            (select * from {{ ref("int_balanced_task") }} where is_balanced) as balanced_task
            on model.suite_id = balanced_task.suite_id
            and binned.task_id = balanced_task.task_id
            and binned.shot_count = balanced_task.shot_count
            and binned.normalisation = balanced_task.normalisation
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, seed, normalisation, bin
    )

select *
from pooled

{{
    config(
        order_by=[
            "suite_id",
            "task_set_kind",
            "task_set",
            "normalisation",
            "shot_count",
            "model_id",
            "step",
            "bin",
        ],
    )
}}

{%- set bin_count = var("calibration_bin_count", 10) %}

with
    outcome as (select * from {{ ref("int_item_outcome") }}),

    task_set as (select * from {{ ref("int_task_set") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    -- The bins have equal width and include their upper end, as in Guo et al. 2017.
    binned as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            normalisation,
            toUInt8(least({{ bin_count }}, greatest(1, ceil(confidence_ratio * {{ bin_count }})))) as bin,
            toInt64(count()) as choice_count,
            toInt64(countIf(is_correct)) as correct_count,
            toFloat64(sum(toDecimal64(confidence_ratio, 12))) as confidence_sum
        from outcome
        group by model_id, step, task_id, shot_count, normalisation, bin
    ),

    pooled as (
        select
            model.suite_id as suite_id,
            model_id,
            step,
            task_set_kind,
            task_set.task_set as task_set,
            shot_count,
            normalisation,
            bin,
            (bin - 1) / {{ bin_count }} as confidence_lower,
            bin / {{ bin_count }} as confidence_upper,
            sum(binned.choice_count) as choice_count,
            sum(correct_count) / choice_count as accuracy_ratio,
            sum(confidence_sum) / choice_count as mean_confidence_ratio
        from binned
        inner join task_set on binned.task_id = task_set.task_id
        inner join model using (model_id)
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation, bin
    )

select *
from pooled

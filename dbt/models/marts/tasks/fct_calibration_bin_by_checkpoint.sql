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
    calibration_bin as (select * from {{ ref("int_calibration_bin") }}),

    pooled as (
        select
            suite_id,
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            bin,
            (bin - 1) / {{ bin_count }} as confidence_lower,
            bin / {{ bin_count }} as confidence_upper,
            sum(calibration_bin.choice_count) as choice_count,
            sum(correct_count) / choice_count as accuracy_ratio,
            sum(confidence_sum) / choice_count as mean_confidence_ratio
        from calibration_bin
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation, bin
    )

select *
from pooled

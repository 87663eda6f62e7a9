{{
    config(
        order_by=[
            "suite_id",
            "model_id",
            "task_set_kind",
            "task_set",
            "shot_count",
            "normalisation",
            "step",
        ],
    )
}}

with
    calibration_bin as (select * from {{ ref("fct_calibration_bin_by_checkpoint") }}),

    summed as (
        select
            {{ checkpoint_id("model_id", "step") }} as checkpoint_id,
            suite_id,
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            sum(calibration_bin.choice_count) as choice_count,
            sum(calibration_bin.accuracy_ratio * calibration_bin.choice_count)
            / choice_count as accuracy_ratio,
            sum(calibration_bin.mean_confidence_ratio * calibration_bin.choice_count)
            / choice_count as mean_confidence_ratio,
            sum(
                abs(calibration_bin.accuracy_ratio - calibration_bin.mean_confidence_ratio)
                * calibration_bin.choice_count
            )
            / choice_count as calibration_error_ratio
        from calibration_bin
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation
    )

select *
from summed

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
    calibration_bin as (
        select
            *,
            confidence_sum / choice_count as confidence,
            {{ mean_binomial_deviation("choice_count", "confidence") }} as calibrated_deviation,
            greatest(
                choice_count * confidence * (1 - confidence) - pow(calibrated_deviation, 2), 0
            ) as calibrated_variance
        from {{ ref("int_calibration_bin") }}
    ),

    -- The choices of one seed are about different items. Choices about the same item under several seeds are
    -- not independent, so the error is computed for each seed and averaged over the seeds.
    by_seed as (
        select
            suite_id,
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            seed,
            sum(calibration_bin.choice_count) as choices,
            sum(calibration_bin.correct_count) as correct,
            sum(calibration_bin.confidence_sum) as confidences,
            sum(abs(calibration_bin.correct_count - calibration_bin.confidence_sum)) / choices as error,
            sum(calibrated_deviation) / choices as calibrated_error,
            sum(calibrated_variance) / pow(choices, 2) as calibrated_error_variance,
            {{ calibrated_error_95_percent_point("calibrated_error", "calibrated_error_variance") }}
            as calibrated_error_point
        from calibration_bin
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation, seed
    ),

    averaged as (
        select
            {{ checkpoint_id("model_id", "step") }} as checkpoint_id,
            suite_id,
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            sum(choices) as choice_count,
            sum(correct) / choice_count as accuracy_ratio,
            sum(confidences) / choice_count as mean_confidence_ratio,
            avg(error) as calibration_error_ratio,
            avg(calibrated_error) as calibrated_error_ratio,
            avg(calibrated_error_point) as calibrated_error_95_percent_point,
            calibration_error_ratio - calibrated_error_ratio as excess_calibration_error_ratio
        from by_seed
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation
    )

select *
from averaged

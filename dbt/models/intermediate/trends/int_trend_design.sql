{{ config(order_by=["model_id", "corpus_id", "step_set_id", "convention_id"]) }}

with
    regressor as (select * from {{ ref("int_trend_regressor") }}),

    mapped_start as (
        select
            *,
            {{ var("trend_start_percents") }} as start_percents,
            arrayMap(
                percent -> multiIf(
                    start_mapping = 'planned_step',
                    arrayFirstIndex(step -> step * 100 >= percent * planned_steps, steps),
                    start_mapping = 'checkpoint_index',
                    intDiv(percent * length(steps), 100) + 1,
                    arraySort(
                        ordinal -> (abs(steps[ordinal] * 100 - percent * steps[-1]), ordinal),
                        arrayEnumerate(steps)
                    )[1]
                ),
                start_percents
            ) as mapped_indices
        from regressor
    ),

    -- The arrays begin with the newest checkpoint, so a trend fit over the last m checkpoints reads the first
    -- m elements. m is 0 if training has not reached the start of the fit.
    fit_window as (
        select
            *,
            arrayFirstIndex(usable -> usable > 0, usable_counts) as first_index,
            arrayMap(
                mapped -> if(mapped = 0 or first_index = 0, 0, greatest(mapped, first_index)), mapped_indices
            ) as start_indices,
            arrayMap(
                start -> toInt32(if(start = 0, 0, length(steps) - start + 1)), start_indices
            ) as fit_point_counts,
            arrayMap(value -> value - regressors[-1], arrayReverse(regressors)) as regressors_from_last,
            arrayCumSum(regressors_from_last) as cumulated,
            arrayCumSum(value -> value * value, regressors_from_last) as cumulated_squares,
            arrayCumSum(
                (value, later) -> 2 * value * later,
                regressors_from_last,
                {{ shift_later("regressors_from_last") }}
            ) as cumulated_neighbours
        from mapped_start
    ),

    fit_design as (
        select
            convention_id,
            model_id,
            corpus_id,
            step_set_id,
            series_fingerprint,
            fit_id,
            represents_fit,
            is_kept_by_token,
            response,
            rising_perplexity_slope_sign,
            multiple_testing,
            autocorrelation,
            stagnation_test,
            significance_level,
            stagnation_lower,
            stagnation_upper,
            constant_tolerance,
            rounding_nats,
            start_percents,
            arrayMap(start -> steps[start], start_indices) as start_steps,
            fit_point_counts,
            regressors_from_last,
            arrayMap(points -> regressors_from_last[points], fit_point_counts) as start_regressors,
            arrayMap(points -> cumulated[points], fit_point_counts) as regressor_sums,
            arrayMap(points -> cumulated_neighbours[points], fit_point_counts) as regressor_lag_sums,
            arrayMap(
                points -> cumulated_squares[points] - pow(cumulated[points], 2) / greatest(points, 1),
                fit_point_counts
            ) as regressor_variations
        from fit_window
    )

-- The trend fingerprint is a hash of everything that the trend fits of a model on a corpus depend on: the
-- scores, every set of scored steps, every convention and the definition of a trend.
select
    *,
    cityHash64(
        {{ var("trend_definition") }},
        arraySort(groupArray(cityHash64(tuple(fit_design.*))) over (partition by model_id, corpus_id))
    ) as trend_fingerprint
from fit_design

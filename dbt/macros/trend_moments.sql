{#
    Return the query of a view with one row per convention, token and start: the sums from which the trend of a token is
    estimated. `condition` selects the conventions by columns of int_trend_design.
#}
{% macro trend_moments(condition) %}
    with
        trend_design as (select * from {{ ref("int_trend_design") }} where {{ condition }}),

        token_series as (select * from {{ ref("int_token_series") }} where not is_prompt),

        -- log_ratios holds ln(PPL_i / PPL_last) for every checkpoint i, newest first. Every trend fit
        -- includes the last checkpoint, so all perplexities are divided by the perplexity at the last
        -- checkpoint. The logarithms of a constant series are then exactly 0, and sums lose no digits by
        -- cancellation.
        anchored as (
            select
                *,
                toFloat64(log_prob_nats[-1]) as last_log_prob_nats,
                arrayMap(score -> last_log_prob_nats - score, arrayReverse(log_prob_nats)) as log_ratios,
                if(
                    response = 'perplexity_ratio',
                    arrayMap(log_ratio -> exp(log_ratio) - 1, log_ratios),
                    arrayMap(log_ratio -> - log_ratio, log_ratios)
                ) as responses,
                -- The squares of these ratios would not be finite. Each fit of such a series is scaled by
                -- its own largest ratio, exp(scale). Other series have the scale 0 and empty arrays here,
                -- which cost little.
                response = 'perplexity_ratio' and arrayMax(log_ratios) > 300 as is_wide,
                if(is_wide, fit_point_counts, []) as wide_point_counts,
                arrayMap(
                    points -> arrayMax(arraySlice(log_ratios, 1, points)), wide_point_counts
                ) as wide_scales,
                -- The products of neighbours are needed only where the autocorrelation counts.
                if(autocorrelation = 'none', [], responses) as dependent_responses,
                if(autocorrelation = 'none', [], regressors_from_last) as dependent_regressors
            from token_series
            inner join trend_design using (model_id, corpus_id, step_set_id)
        ),

        suffix_sum as (
            select
                *,
                arrayCumSum(responses) as cumulated_y,
                arrayCumSum((x, y) -> x * y, regressors_from_last, responses) as cumulated_xy,
                arrayCumSum(y -> y * y, responses) as cumulated_yy,
                arrayCumSum(log_ratios) as cumulated_log_ratio,
                arrayCumSum(
                    (y, later_y) -> 2 * y * later_y,
                    dependent_responses,
                    {{ shift_later("dependent_responses") }}
                ) as cumulated_lag_yy,
                arrayCumSum(
                    (x, y, later_x, later_y) -> x * later_y + later_x * y,
                    dependent_regressors,
                    dependent_responses,
                    {{ shift_later("dependent_regressors") }},
                    {{ shift_later("dependent_responses") }}
                ) as cumulated_lag_xy,
                {{ sums_at_starts("cumulated_y", "y") }} as sums_y,
                {{ sums_at_starts("cumulated_xy", "x * y") }} as sums_xy,
                {{ sums_at_starts("cumulated_yy", "y * y") }} as sums_yy,
                {{ sums_at_starts("cumulated_lag_yy", "2 * y * later_y") }} as lag_sums_yy,
                {{ sums_at_starts("cumulated_lag_xy", "x * later_y + later_x * y") }} as lag_sums_xy,
                {{ at_starts("cumulated_log_ratio") }} as log_ratio_sums,
                {{ at_starts("log_ratios") }} as start_log_ratios,
                arrayResize(wide_scales, length(start_percents)) as scales
            from anchored
        ),

        moment as (
            select
                convention_id,
                fit_id,
                model_id,
                corpus_id,
                document_id,
                position,
                start_percent,
                start_step,
                fit_point_count,
                response,
                regressor_variation,
                start_x,
                start_log_ratio,
                scale,
                rising_perplexity_slope_sign,
                multiple_testing,
                significance_level,
                stagnation_lower,
                stagnation_upper,
                trend_fingerprint,
                exp(- scale) as last_ratio,
                if(
                    response = 'perplexity_ratio',
                    exp(start_log_ratio - scale) - last_ratio,
                    - start_log_ratio
                ) as start_y,
                greatest(0., sum_yy - sum_y * sum_y / fit_point_count) as variation,
                greatest(fit_point_count - 2, 1) as degrees_of_freedom,
                variation * regressor_variation as product,
                sum_xy - sum_x * sum_y / fit_point_count as difference_of_sums,
                -- A slope below 1e-9 of its standard error is what rounding leaves of a sum that cancels.
                if(
                    difference_of_sums * difference_of_sums * degrees_of_freedom < 1e-18 * product,
                    0.,
                    difference_of_sums
                ) as covariation,
                covariation * covariation as explained_product,
                constant_tolerance * greatest(1., abs(last_log_prob_nats)) * last_ratio as noise,
                -- The responses in a fit are constant if the root mean square of their deviations from
                -- the last response is at most `noise`, so that Float32 rounding does not count as a
                -- trend. The fit of a single checkpoint is also constant.
                sum_yy <= fit_point_count * noise * noise or product <= 0 as is_constant,
                -- A rounded log-probability has an error with the variance rounding_nats^2 / 12. The
                -- error of a perplexity ratio is the ratio times this error. The sum of squared ratios is
                -- the sum of (y + last_ratio)^2.
                pow(rounding_nats, 2)
                / 12
                * if(
                    response = 'perplexity_ratio',
                    greatest(0., sum_yy + 2 * last_ratio * sum_y) / fit_point_count + last_ratio * last_ratio,
                    1.
                ) as rounding_variance,
                if(is_constant, 0., explained_product / regressor_variation) as explained,
                greatest(
                    if(is_constant, 0., (product - explained_product) / regressor_variation),
                    degrees_of_freedom * rounding_variance
                ) as residual,
                if(is_constant, 0., covariation / regressor_variation) as scaled_slope,
                -- Sum of e_i e_(i - 1) over the residuals e, where i - 1 is the next later checkpoint.
                (
                    {{ neighbour_covariation("lag_sum_yy", "sum_y", "start_y", "sum_y", "start_y") }}
                    - 2
                    * scaled_slope
                    * {{ neighbour_covariation("lag_sum_xy", "sum_x", "start_x", "sum_y", "start_y") }}
                    + scaled_slope
                    * scaled_slope
                    * {{ neighbour_covariation("regressor_lag_sum", "sum_x", "start_x", "sum_x", "start_x") }}
                )
                / 2 as residual_lag_sum,
                log_ratio_sum / fit_point_count as average_log_ratio
            from suffix_sum
            array join
                start_percents as start_percent,
                start_steps as start_step,
                fit_point_counts as fit_point_count,
                regressor_sums as sum_x,
                regressor_variations as regressor_variation,
                regressor_lag_sums as regressor_lag_sum,
                start_regressors as start_x,
                sums_y as sum_y,
                sums_xy as sum_xy,
                sums_yy as sum_yy,
                lag_sums_yy as lag_sum_yy,
                lag_sums_xy as lag_sum_xy,
                log_ratio_sums as log_ratio_sum,
                start_log_ratios as start_log_ratio,
                scales as scale
            where fit_point_count > 0
        )

    select
        convention_id,
        fit_id,
        model_id,
        corpus_id,
        document_id,
        position,
        start_percent,
        start_step,
        fit_point_count,
        degrees_of_freedom,
        is_constant,
        explained,
        residual,
        residual_lag_sum,
        regressor_variation,
        abs(start_x) as regressor_span,
        scaled_slope,
        if(
            response = 'perplexity_ratio', exp(greatest(-600., start_log_ratio - scale)), 1.
        ) as response_scale,
        exp(least(600., start_log_ratio - average_log_ratio)) as start_to_average,
        exp(least(600., - average_log_ratio)) as end_to_average,
        rising_perplexity_slope_sign,
        multiple_testing,
        significance_level,
        stagnation_lower,
        stagnation_upper,
        trend_fingerprint
    from moment
{% endmacro %}

{{ config(materialized="view") }}

with
    trend_design as (select * from {{ ref("int_trend_design") }}),

    token_series as (select * from {{ ref("int_token_series") }} where not is_prompt),

    -- log_ratios holds ln(PPL_i / PPL_last) for every checkpoint i, newest first. Every trend fit includes
    -- the last checkpoint, so all perplexities are divided by the perplexity at the last checkpoint. The
    -- logarithms of a constant series are then exactly 0, and sums lose no digits by cancellation. The
    -- logarithms are limited to -300 to 300, so that the squares of the ratios are finite.
    anchored as (
        select
            *,
            toFloat64(log_prob_nats[-1]) as last_log_prob_nats,
            arrayMap(
                score -> greatest(-300., least(300., last_log_prob_nats - score)), arrayReverse(log_prob_nats)
            ) as log_ratios,
            if(
                response = 'perplexity_ratio',
                arrayMap(log_ratio -> exp(log_ratio) - 1, log_ratios),
                arrayMap(log_ratio -> - log_ratio, log_ratios)
            ) as responses
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
            {{ at_starts("cumulated_y") }} as sums_y,
            {{ at_starts("cumulated_xy") }} as sums_xy,
            {{ at_starts("cumulated_yy") }} as sums_yy,
            {{ at_starts("cumulated_log_ratio") }} as log_ratio_sums,
            {{ at_starts("log_ratios") }} as start_log_ratios
        from anchored
    ),

    moment as (
        select
            convention_id,
            model_id,
            corpus_id,
            document_id,
            position,
            start_percent,
            start_step,
            fit_point_count,
            sum_xy - sum_x * sum_y / fit_point_count as covariation,
            greatest(0., sum_yy - sum_y * sum_y / fit_point_count) as variation,
            regressor_variation,
            constant_tolerance * greatest(1., abs(last_log_prob_nats)) as noise,
            -- The responses in a fit are constant if the root mean square of their deviations from the last
            -- response is at most `noise`, so that Float32 rounding does not count as a trend. The fit of a
            -- single checkpoint is also constant.
            sum_yy <= fit_point_count * noise * noise or variation * regressor_variation <= 0 as is_constant,
            if(response = 'perplexity_ratio', exp(start_log_ratio), 1.) as response_scale,
            exp(start_log_ratio - log_ratio_sum / fit_point_count) as start_to_average,
            exp(- log_ratio_sum / fit_point_count) as end_to_average,
            rising_perplexity_slope_sign,
            multiple_testing,
            significance_level,
            stagnation_lower,
            stagnation_upper,
            trend_fingerprint
        from suffix_sum
        array join
            start_percents as start_percent,
            start_steps as start_step,
            fit_point_counts as fit_point_count,
            regressor_sums as sum_x,
            regressor_variations as regressor_variation,
            sums_y as sum_y,
            sums_xy as sum_xy,
            sums_yy as sum_yy,
            log_ratio_sums as log_ratio_sum,
            start_log_ratios as start_log_ratio
        where fit_point_count > 0
    )

select * except (noise)
from moment

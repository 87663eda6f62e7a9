{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["start_percent", "category", "step"],
        query_settings={"join_use_nulls": 0, "short_circuit_function_evaluation": "disable"},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    trend_design as (
        select *
        from {{ ref("int_trend_design") }}
        where convention_id in (select convention_id from default_convention)
    ),

    token_series as (
        select *
        from {{ ref("int_token_series") }}
        where not is_prompt and (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- The arrays of a trend design begin with the newest checkpoint. Of these arrays, only the first, third,
    -- ... checkpoint of training is kept. Perplexities are relative to the largest one, because a ratio to a
    -- small one may be too large for a float; the correlation that is tested does not depend on the scale.
    halved as (
        select
            model_id,
            corpus_id,
            step_set_id,
            steps,
            arrayMap(score -> toDecimal64(toFloat64(score), 9), log_prob_nats) as scores,
            trend_design.* except (model_id, corpus_id, step_set_id),
            arrayFilter(
                ordinal -> (length(steps) + 1 - ordinal) % 2 = 1, arrayEnumerate(steps)
            ) as odd_ordinals,
            arrayMap(
                points -> arrayCount(ordinal -> ordinal <= points, odd_ordinals), fit_point_counts
            ) as odd_point_counts,
            arrayMap(
                ordinal -> regressors_from_last[ordinal] - regressors_from_last[odd_ordinals[1]], odd_ordinals
            ) as xs,
            arrayMap(
                ordinal -> toFloat64(- arrayReverse(log_prob_nats)[ordinal]), odd_ordinals
            ) as odd_losses,
            arrayMap(loss -> loss - odd_losses[1], odd_losses) as log_ratios,
            arrayMax(log_ratios) as largest_log_ratio,
            if(
                response = 'perplexity_ratio',
                arrayMap(ratio -> exp(ratio - largest_log_ratio) - exp(- largest_log_ratio), log_ratios),
                arrayMap(ratio -> - ratio, log_ratios)
            ) as ys,
            constant_tolerance
            * greatest(1., abs(odd_losses[1]))
            * if(response = 'perplexity_ratio', exp(- largest_log_ratio), 1.) as noise
        from token_series
        inner join trend_design using (model_id, corpus_id, step_set_id)
    ),

    -- One array element per start of the trend fit.
    fitted as (
        select
            *,
            arrayCumSum(xs) as sums_x,
            arrayCumSum(ys) as sums_y,
            arrayCumSum((x, y) -> x * y, xs, ys) as sums_xy,
            arrayCumSum(x -> x * x, xs) as sums_xx,
            arrayCumSum(y -> y * y, ys) as sums_yy,
            arrayCumSum(log_ratios) as log_ratio_sums,
            arrayMap(
                points -> sums_xy[points] - sums_x[points] * sums_y[points] / greatest(1, points),
                odd_point_counts
            ) as covariations,
            arrayMap(
                points
                -> (sums_xx[points] - pow(sums_x[points], 2) / greatest(1, points))
                * greatest(0., sums_yy[points] - pow(sums_y[points], 2) / greatest(1, points)),
                odd_point_counts
            ) as products,
            arrayMap(
                (points, covariation, product) -> if(
                    sums_yy[points] <= points * noise * noise or product <= 0,
                    0.,
                    least(1., abs(covariation) / sqrt(product))
                ),
                odd_point_counts,
                covariations,
                products
            ) as correlations,
            arrayMap(
                (points, correlation)
                -> {{
                    student_t_p_value(
                        "correlation",
                        "(1 - correlation * correlation)",
                        "toInt64(greatest(1, points - 2))",
                    )
                }},
                odd_point_counts,
                correlations
            ) as p_values
        from halved
    ),

    categorised as (
        select
            *,
            arrayMap(
                (fit_point_count, is_significant, slope, start_to_average, end_to_average)
                -> {{ trend_category("slope * rising_perplexity_slope_sign") }},
                odd_point_counts,
                arrayMap(p_value -> p_value < significance_level, p_values),
                covariations,
                arrayMap(
                    points -> exp(log_ratios[points] - log_ratio_sums[points] / greatest(1, points)),
                    odd_point_counts
                ),
                arrayMap(points -> exp(- log_ratio_sums[points] / greatest(1, points)), odd_point_counts)
            ) as categories,
            arraySum(
                (category, ordinal) -> bitShiftLeft(
                    toUInt64(indexOf({{ var("trend_categories") }}, category)), 3 * (ordinal - 1)
                ),
                categories,
                arrayEnumerate(categories)
            ) as category_code
        from fitted
    ),

    summed_by_code as (
        select
            model_id,
            corpus_id,
            step_set_id,
            category_code,
            any(categorised.steps) as scored_steps,
            sumForEach(scores) as score_sums,
            count() as token_count,
            any(categorised.trend_fingerprint) as fingerprint
        from categorised
        group by model_id, corpus_id, step_set_id, category_code
    ),

    summed as (
        select
            model_id,
            corpus_id,
            toUInt8(start) as start_percent,
            toLowCardinality({{ decode_category("category_code", "start_ordinal") }}) as category,
            step,
            toBool(step_ordinal % 2 = 0) as is_held_out,
            toInt64(sum(summed_by_code.token_count)) as token_count,
            toFloat64(sum(score_sum)) as log_prob_sum_nats,
            any(fingerprint) as trend_fingerprint
        from summed_by_code
        array join
            {{ var("trend_start_percents") }} as start,
            arrayEnumerate({{ var("trend_start_percents") }}) as start_ordinal
        array join scored_steps as step, score_sums as score_sum, arrayEnumerate(scored_steps) as step_ordinal
        where category not in ('', 'undetermined')
        group by model_id, corpus_id, start_percent, category, step, is_held_out
    )

select *
from summed

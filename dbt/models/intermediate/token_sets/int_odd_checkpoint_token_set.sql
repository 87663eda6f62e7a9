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
            trend_design.* except (model_id, corpus_id, step_set_id, fit_point_counts),
            arrayMap(
                points -> toInt32(intDiv(points + length(steps) % 2, 2)), trend_design.fit_point_counts
            ) as fit_point_counts,
            arrayFilter(
                (x, ordinal) -> (length(steps) + 1 - ordinal) % 2 = 1,
                regressors_from_last,
                arrayEnumerate(regressors_from_last)
            ) as odd_regressors,
            arrayMap(x -> x - odd_regressors[1], odd_regressors) as xs,
            arrayFilter(
                (score, ordinal) -> (length(steps) + 1 - ordinal) % 2 = 1,
                arrayReverse(log_prob_nats),
                arrayEnumerate(log_prob_nats)
            ) as odd_scores,
            toFloat64(odd_scores[1]) as last_score,
            arrayMap(score -> last_score - score, odd_scores) as log_ratios,
            arrayMax(log_ratios) as largest_log_ratio,
            if(
                response = 'perplexity_ratio',
                arrayMap(ratio -> exp(ratio - largest_log_ratio) - exp(- largest_log_ratio), log_ratios),
                arrayMap(ratio -> - ratio, log_ratios)
            ) as ys,
            constant_tolerance
            * greatest(1., abs(last_score))
            * if(response = 'perplexity_ratio', exp(- largest_log_ratio), 1.) as noise
        from token_series
        inner join trend_design using (model_id, corpus_id, step_set_id)
    ),

    -- From here on, an array has one element per start of the trend fit.
    fit_sum as (
        select
            model_id,
            corpus_id,
            step_set_id,
            steps,
            scores,
            rising_perplexity_slope_sign,
            significance_level,
            stagnation_lower,
            stagnation_upper,
            trend_fingerprint,
            noise,
            fit_point_counts,
            arrayCumSum(xs) as cumulated_x,
            arrayCumSum(ys) as cumulated_y,
            arrayCumSum((x, y) -> x * y, xs, ys) as cumulated_xy,
            arrayCumSum(x -> x * x, xs) as cumulated_xx,
            arrayCumSum(y -> y * y, ys) as cumulated_yy,
            arrayCumSum(log_ratios) as cumulated_log_ratio,
            {{ at_starts("cumulated_x") }} as sums_x,
            {{ at_starts("cumulated_y") }} as sums_y,
            {{ at_starts("cumulated_xy") }} as sums_xy,
            {{ at_starts("cumulated_xx") }} as sums_xx,
            {{ at_starts("cumulated_yy") }} as sums_yy,
            {{ at_starts("cumulated_log_ratio") }} as log_ratio_sums,
            {{ at_starts("log_ratios") }} as start_log_ratios
        from halved
    ),

    tested as (
        select
            *,
            arrayMap(
                (points, sum_xy, sum_x, sum_y) -> sum_xy - sum_x * sum_y / greatest(1, points),
                fit_point_counts,
                sums_xy,
                sums_x,
                sums_y
            ) as covariations,
            arrayMap(
                (points, covariation, sum_x, sum_y, sum_xx, sum_yy) -> if(
                    sum_yy <= points * noise * noise,
                    0.,
                    least(
                        1.,
                        abs(covariation) / sqrt(
                            greatest(
                                1e-300,
                                (sum_xx - sum_x * sum_x / greatest(1, points))
                                * (sum_yy - sum_y * sum_y / greatest(1, points))
                            )
                        )
                    )
                ),
                fit_point_counts,
                covariations,
                sums_x,
                sums_y,
                sums_xx,
                sums_yy
            ) as correlations,
            arrayMap(
                (points, correlation)
                -> {{
                    student_t_p_value(
                        "correlation",
                        "(1 - correlation * correlation)",
                        "toInt64(greatest(1, points - 2))",
                    )
                }}
                < significance_level,
                fit_point_counts,
                correlations
            ) as are_significant
        from fit_sum
    ),

    categorised as (
        select
            model_id,
            corpus_id,
            step_set_id,
            steps,
            scores,
            trend_fingerprint,
            arrayMap(
                (fit_point_count, is_significant, slope, start_to_average, end_to_average)
                -> {{ trend_category("slope * rising_perplexity_slope_sign") }},
                fit_point_counts,
                are_significant,
                covariations,
                arrayMap(
                    (points, start, total) -> exp(start - total / greatest(1, points)),
                    fit_point_counts,
                    start_log_ratios,
                    log_ratio_sums
                ),
                arrayMap(
                    (points, total) -> exp(- total / greatest(1, points)), fit_point_counts, log_ratio_sums
                )
            ) as categories,
            arraySum(
                (category, ordinal) -> bitShiftLeft(
                    toUInt64(indexOf({{ var("trend_categories") }}, category)), 3 * (ordinal - 1)
                ),
                categories,
                arrayEnumerate(categories)
            ) as category_code
        from tested
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

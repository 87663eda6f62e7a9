{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["start_percent", "test", "category"],
        query_settings={"join_use_nulls": 0, "max_joined_block_size_rows": 1024},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    fit_window as (
        select
            model_id,
            corpus_id,
            step_set_id,
            significance_level,
            stagnation_lower,
            stagnation_upper,
            start_percent,
            fit_point_count
        from {{ ref("int_trend_design") }}
        array join start_percents as start_percent, fit_point_counts as fit_point_count
        where convention_id in (select convention_id from default_convention) and fit_point_count >= 3
    ),

    {{ sampled_token_series("trend_rank_tokens") }},

    -- Arrays are in ascending order of steps.
    ordered as (
        select
            *,
            fit_point_count as n,
            range(1, n + 1) as ordinals,
            arrayMap(score -> - toFloat64(score), arraySlice(log_prob_nats, - n)) as losses,
            arraySum(
                later -> arraySum(earlier -> sign(losses[later] - losses[earlier]), range(1, later)), ordinals
            ) as kendall_score,
            arraySum(
                ordinal -> 6 * (ordinal - 1) * (ordinal + 1), arrayEnumerateUniq(losses)
            ) as tie_correction,
            (n * (n - 1) * (2 * n + 5) - tie_correction) / 18 as score_variance,
            arrayReduce(
                'quantileExactInclusive(0.5)',
                arrayFlatten(
                    arrayMap(
                        later -> arrayMap(
                            earlier -> (losses[later] - losses[earlier]) / (later - earlier), range(1, later)
                        ),
                        ordinals
                    )
                )
            ) as sen_slope
        from token_series
        inner join fit_window using (model_id, corpus_id, step_set_id)
    ),

    -- Ranks of the losses around the line with Sen's slope; equal losses have the mean of their ranks.
    ranked as (
        select
            *,
            arrayMap((loss, ordinal) -> loss - sen_slope * ordinal, losses, ordinals) as detrended,
            arrayMap(
                value
                -> arrayCount(other -> other < value, detrended)
                + (arrayCount(other -> other = value, detrended) - n) / 2,
                detrended
            ) as deviations,
            arraySum(deviation -> deviation * deviation, deviations) as rank_variation,
            arrayMap(
                lag
                -> arrayDotProduct(arraySlice(deviations, 1, n - lag), arraySlice(deviations, lag + 1))
                / greatest(rank_variation, 1e-300),
                range(1, n)
            ) as autocorrelations
        from ordered
    ),

    -- Hamed and Rao 1998, equation 9: the variance is multiplied by the sum over the significant
    -- autocorrelations of the ranks.
    corrected as (
        select
            *,
            1
            + 2
            / (n * (n - 1) * (n - 2))
            * arraySum(
                (rho, lag) -> if(
                    abs(rho) > 1.959963984540054 / sqrt(n), (n - lag) * (n - lag - 1) * (n - lag - 2) * rho, 0
                ),
                autocorrelations,
                range(1, n)
            ) as variance_ratio,
            exp(least(600., losses[1] - arrayAvg(losses))) as start_to_average,
            exp(least(600., losses[n] - arrayAvg(losses))) as end_to_average
        from ranked
    ),

    tested as (
        select
            model_id,
            corpus_id,
            start_percent,
            fit_point_count,
            kendall_score,
            stagnation_lower,
            stagnation_upper,
            start_to_average,
            end_to_average,
            test,
            n >= 4
            and kendall_score != 0
            and ratio > 0
            and erfc((abs(kendall_score) - 1) / sqrt(2 * greatest(score_variance * ratio, 1e-300)))
            < significance_level as is_significant
        from corrected
        array join ['Mann-Kendall', 'Hamed and Rao'] as test, [1., variance_ratio] as ratio
    ),

    counted as (
        select
            model_id,
            corpus_id,
            start_percent,
            toLowCardinality(test) as test,
            toLowCardinality({{ trend_category("kendall_score") }}) as category,
            toInt64(count()) as token_count,
            any(stale_pair.trend_fingerprint) as trend_fingerprint
        from tested
        inner join stale_pair using (model_id, corpus_id)
        group by model_id, corpus_id, start_percent, test, category
    )

select *
from counted

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "document_id", "category"],
        query_settings={"join_use_nulls": 0, "short_circuit_function_evaluation": "disable"},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    convention as (select *, {{ fit_id() }} as fit_id from {{ ref("trend_convention") }}),

    -- Conventions that differ only in their tests share the fits.
    variant as (
        select
            convention_id,
            fit_id,
            rising_perplexity_slope_sign,
            multiple_testing,
            autocorrelation,
            stagnation_test,
            significance_level,
            stagnation_lower,
            stagnation_upper
        from convention
        where not is_kept_by_token
    ),

    -- The correction for multiple testing compares a p-value with a threshold: the largest of the sorted
    -- p-values p_(i) with p_(i) n / i < level. The p-values are those of the convention without correction.
    tested_trend as (
        select model_id, corpus_id, start_percent, fit_id, p_value, significance_level
        from {{ ref("int_token_trend_by_start") }}
        inner join convention using (convention_id)
        where
            (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and multiple_testing = 'none'
            and fit_id in (select fit_id from variant where multiple_testing != 'none')
    ),

    family as (
        select
            model_id,
            corpus_id,
            start_percent,
            fit_id,
            any(tested_trend.significance_level) as level,
            count(p_value) as test_count,
            arraySort(
                groupArrayIf(assumeNotNull(p_value), p_value < tested_trend.significance_level)
            ) as sorted_p_values
        from tested_trend
        group by model_id, corpus_id, start_percent, fit_id
    ),

    threshold as (
        select
            model_id,
            corpus_id,
            start_percent,
            fit_id,
            sorted_p_values[
                arrayLastIndex(
                    (p, ordinal) -> p * test_count / ordinal < level,
                    sorted_p_values,
                    arrayEnumerate(sorted_p_values)
                )
            ] as largest_p_value
        from family
    ),

    fit as (
        select
            * except (
                convention_id,
                rising_perplexity_slope_sign,
                multiple_testing,
                significance_level,
                stagnation_lower,
                stagnation_upper
            ),
            {{ fit_correlation() }}
        from {{ ref("int_trend_variant_moment") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    tested as (
        select
            *,
            {{ effective_point_count() }} as effective_point_count,
            if(
                autocorrelation = 'effective_count', effective_point_count - 2, toFloat64(fit_point_count - 2)
            ) as freedom,
            if(
                freedom > 0,
                {{ student_t_p_value("correlation", "residual_share", "greatest(freedom, 0.001)") }},
                1.
            ) as p_value,
            if(
                multiple_testing = 'none',
                p_value < significance_level,
                toFloat32(p_value) <= threshold.largest_p_value
            ) as is_significant,
            if(stagnation_test = 'band', {{ is_within_band() }}, {{ is_equivalent_to_constant() }}) as is_flat
        from fit
        inner join variant using (fit_id)
        left join threshold using (model_id, corpus_id, start_percent, fit_id)
    ),

    counted as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            document_id,
            toLowCardinality(
                {{ trend_category("scaled_slope * rising_perplexity_slope_sign", "is_flat") }}
            ) as category,
            toInt64(count()) as token_count,
            any(tested.trend_fingerprint) as trend_fingerprint
        from tested
        group by convention_id, model_id, corpus_id, start_percent, document_id, category
    )

select *
from counted

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "document_id", "position"],
        projections=[pair_projection("trend_fingerprint")],
        query_settings={
            "short_circuit_function_evaluation": "disable",
            "max_bytes_before_external_sort": 4000000000,
        },
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    moment as (
        select *
        from {{ ref("int_trend_moment") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- The trend is fitted by ordinary least squares. If the response is a perplexity ratio, the sums in
    -- `int_trend_moment` are relative to the perplexity at the last checkpoint. The slope and its standard
    -- error must be relative to the perplexity at the start of the fit, so they are divided by
    -- response_scale.
    fit as (
        select
            *,
            {{ fit_correlation() }},
            scaled_slope / response_scale as slope,
            sqrt(residual / degrees_of_freedom / greatest(regressor_variation, 1e-300))
            / response_scale as standard_error,
            {{ student_t_p_value("correlation", "residual_share", "degrees_of_freedom") }} as p_value
        from moment
    ),

    -- The slope is tested only if the fit has at least three checkpoints, because a line fits two points
    -- exactly.
    tested as (select * except (p_value), if(fit_point_count >= 3, fit.p_value, null) as p_value from fit),

    -- q-values of Benjamini and Hochberg 1995: q_(i) = min over j >= i of p_(j) n / j, where n is the number
    -- of p-values and p_(1) is the smallest. Equal p-values share a window frame and therefore get the same
    -- q-value.
    ranked as (
        select
            *,
            cityHash64(convention_id, model_id, corpus_id, start_percent) as family_id,
            count(p_value) over family as test_count,
            test_count + 1 - row_number() over (family order by p_value desc) as p_rank
        from tested
        where multiple_testing = 'benjamini_hochberg'
        window family as (partition by family_id)
    ),

    adjusted as (
        select
            * except (family_id, test_count, p_rank),
            min(p_value * test_count / p_rank) over (
                partition by family_id order by p_value desc
            ) as least_ratio,
            if(p_value is null, null, least_ratio) as q_value
        from ranked
    ),

    test_result as (
        select *, p_value as decisive_p_value, null as q_value
        from tested
        where multiple_testing = 'none'
        union all
        select * except (least_ratio, q_value), q_value as decisive_p_value, q_value
        from adjusted
    ),

    categorised as (
        select
            *,
            coalesce(decisive_p_value < significance_level, false) as is_significant,
            {{ trend_category("slope * rising_perplexity_slope_sign") }} as trend
        from test_result
    )

select
    convention_id,
    model_id,
    corpus_id,
    start_percent,
    document_id,
    position,
    start_step,
    fit_point_count,
    if(fit_point_count >= 3, {{ saturate_float32("categorised.slope") }}, null) as slope,
    if(fit_point_count >= 3, {{ saturate_float32("categorised.standard_error") }}, null) as standard_error,
    cast(categorised.p_value as Nullable(Float32)) as p_value,
    cast(categorised.q_value as Nullable(Float32)) as q_value,
    toLowCardinality(trend) as category,
    trend_fingerprint
from categorised

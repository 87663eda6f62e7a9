{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
    )
}}

{%- set bin_count = var("collapse_bin_count", 10) %}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    -- Step 0 is left out because 0 tokens and 0 FLOPs have no logarithm.
    point as ({{ trajectory_points("trajectory") }}),

    binned as (
        select
            *,
            min(coordinate) over panel as lowest,
            max(coordinate) over panel as highest,
            if(
                highest > lowest,
                least(
                    floor((coordinate - lowest) / (highest - lowest) * {{ bin_count }}), {{ bin_count - 1 }}
                ),
                0
            ) as bin
        from point
        window panel as (partition by panel_id)
    ),

    averaged as (
        select
            *,
            avg(measure_value) over (partition by panel_id, bin, model_id) as model_mean,
            avg(measure_value) over (partition by panel_id, bin) as bin_mean,
            uniqExact(model_id) over (partition by panel_id, bin) >= 2 as is_compared
        from binned
    ),

    deviating as (
        select
            *,
            avg(measure_value) over (partition by panel_id) as overall_mean,
            avg(measure_value) over (partition by panel_id, is_compared) as compared_mean
        from averaged
    ),

    scored as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            axis,
            toInt64(uniqExact(model_id)) as model_count,
            toInt64(count()) as point_count,
            toInt64(countIf(is_compared)) as compared_point_count,
            sumIf(pow(measure_value - compared_mean, 2), is_compared) as compared_variation,
            sum(pow(measure_value - overall_mean, 2)) as variation,
            if(
                compared_variation > compared_point_count * 1e-18,
                sumIf(pow(model_mean - bin_mean, 2), is_compared) / compared_variation,
                null
            ) as collapse_score,
            if(
                variation > point_count * 1e-18, sum(pow(measure_value - bin_mean, 2)) / variation, null
            ) as unexplained_share
        from deviating
        group by suite_id, corpus_id, measure, subject, variant, set_model_id, start_percent, category, axis
    )

select * except (compared_variation, variation)
from scored

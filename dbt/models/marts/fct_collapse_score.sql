{{
    config(
        engine="MergeTree()",
        order_by=["corpus_id", "measure", "set_model_id", "start_percent", "category", "axis"],
    )
}}

{%- set bin_count = var("collapse_bin_count", 10) %}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    -- an untrained model has no place on logarithmic axes, and all of them are equally bad
    point as (
        select
            corpus_id,
            measure,
            set_model_id,
            start_percent,
            category,
            model_id,
            measure_value,
            toLowCardinality(axis_and_value .1) as axis,
            log(axis_and_value .2) as coordinate
        from trajectory
        array join
            [
                ('parameters', toFloat64(parameter_count)),
                ('tokens seen', toFloat64(coalesce(tokens_seen, 0))),
                ('training FLOPs', coalesce(train_flops_palm, 0)),
                ('validation perplexity', validation_perplexity)
            ] as axis_and_value
        where step > 0 and axis_and_value .2 > 0
    ),

    binned as (
        select
            *,
            cityHash64(corpus_id, measure, set_model_id, start_percent, category, axis) as panel_id,
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
            corpus_id,
            measure,
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
        group by corpus_id, measure, set_model_id, start_percent, category, axis
    )

select * except (compared_variation, variation)
from scored

{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
        query_settings={"join_use_nulls": 1},
    )
}}

{%- set behaviour = "suite_id, corpus_id, measure, subject, variant" -%}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    collapse as (
        select
            {{ behaviour }},
            axis,
            compared_model_count,
            compared_point_count,
            collapse_score,
            collapse_p_value,
            left_out_error,
            unexplained_share
        from {{ ref("fct_collapse_score") }}
    ),

    part as (select * from {{ ref("fct_correlation_part") }}),

    correlation_interval as (select * from {{ ref("fct_correlation_interval") }}),

    aligned as (select * from {{ ref("fct_equal_perplexity_alignment") }}),

    point as ({{ trajectory_points("trajectory") }}),

    ranked as (
        select
            *,
            {{ mean_rank("measure_value", "panel_id") }} as measure_rank,
            {{ mean_rank("progress", "panel_id") }} as progress_rank
        from point
    ),

    correlated as (
        select
            {{ behaviour }},
            axis,
            toInt64(uniqExact(model_id)) as model_count,
            toInt64(count()) as point_count,
            point_count > 2
            and max(measure_value) > min(measure_value)
            and max(progress) > min(progress) as has_variation,
            if(has_variation, corrStable(measure_value, progress), null) as pearson_correlation,
            if(has_variation, corrStable(measure_rank, progress_rank), null) as spearman_correlation,
            {{ fisher_bound("spearman_correlation", "point_count", "lower") }} as spearman_fisher_lower,
            {{ fisher_bound("spearman_correlation", "point_count", "upper") }} as spearman_fisher_upper
        from ranked
        group by {{ behaviour }}, axis
    ),

    -- A model's deviation is its value minus the mean over all models at the same perplexity level. A level
    -- with a single model is left out.
    centred as (
        select
            *,
            measure_value - avg(measure_value) over level as value_deviation,
            log(parameter_count) - avg(log(parameter_count)) over level as size_deviation
        from aligned
        window level as (partition by {{ behaviour }}, perplexity_level)
        qualify count() over level > 1
    ),

    compared as (
        select
            {{ behaviour }},
            toLowCardinality('validation perplexity') as axis,
            toInt64(uniqExact(perplexity_level)) as level_count,
            sqrt(avg(pow(value_deviation, 2))) as equal_perplexity_deviation,
            if(
                sum(pow(size_deviation, 2)) > 1e-12,
                sum(value_deviation * size_deviation) / sum(pow(size_deviation, 2)),
                null
            ) as equal_perplexity_size_slope
        from centred
        group by {{ behaviour }}
    ),

    gathered as (
        select
            * except (has_variation, level_count),
            multiIf(
                correlated.model_count < {{ var("interval_least_models") }},
                concat(
                    'No interval over models: ',
                    toString(correlated.model_count),
                    ' of the {{ var("interval_least_models") }} models that one needs.'
                ),
                spearman_lower is null,
                'No interval over models: the correlation is undefined or perfect without one of them.',
                ''
            ) as interval_note,
            if(axis = 'validation perplexity', coalesce(level_count, 0), null) as equal_perplexity_count
        from correlated
        left join part using ({{ behaviour }}, axis)
        left join correlation_interval using ({{ behaviour }}, axis)
        left join collapse using ({{ behaviour }}, axis)
        left join compared using ({{ behaviour }}, axis)
    )

select *
from gathered

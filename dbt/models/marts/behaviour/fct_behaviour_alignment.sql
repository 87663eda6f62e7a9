{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
        query_settings={"join_use_nulls": 1},
    )
}}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    collapse as (select * from {{ ref("fct_collapse_score") }}),

    aligned as (select * from {{ ref("fct_equal_perplexity_alignment") }}),

    point as ({{ trajectory_points("trajectory") }}),

    -- Spearman's correlation is computed from ranks. Equal values get the mean of their ranks.
    ranked as (
        select
            *,
            if(axis = 'validation perplexity', - coordinate, coordinate) as progress,
            rank() over (partition by panel_id order by measure_value)
            + (count() over (partition by panel_id, measure_value) - 1) / 2 as measure_rank,
            rank() over (partition by panel_id order by progress)
            + (count() over (partition by panel_id, progress) - 1) / 2 as progress_rank
        from point
    ),

    correlated as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            axis,
            toInt64(uniqExact(model_id)) as model_count,
            toInt64(count()) as point_count,
            count() > 2
            and max(measure_value) > min(measure_value)
            and max(progress) > min(progress) as has_variation,
            if(has_variation, corrStable(measure_value, progress), null) as pearson_correlation,
            if(has_variation, corrStable(measure_rank, progress_rank), null) as spearman_correlation
        from ranked
        group by suite_id, corpus_id, measure, subject, variant, axis
    ),

    -- A model's deviation is its value minus the mean over all models at the same perplexity level. A level
    -- with a single model is left out.
    centred as (
        select
            *,
            measure_value - avg(measure_value) over level as value_deviation,
            log(parameter_count) - avg(log(parameter_count)) over level as size_deviation
        from aligned
        window level as (partition by suite_id, corpus_id, measure, subject, variant, perplexity_level)
        qualify count() over level > 1
    ),

    compared as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            toLowCardinality('validation perplexity') as axis,
            toInt64(uniqExact(perplexity_level)) as equal_perplexity_count,
            sqrt(avg(pow(value_deviation, 2))) as equal_perplexity_deviation,
            if(
                sum(pow(size_deviation, 2)) > 1e-12,
                sum(value_deviation * size_deviation) / sum(pow(size_deviation, 2)),
                null
            ) as equal_perplexity_size_slope
        from centred
        group by suite_id, corpus_id, measure, subject, variant
    ),

    gathered as (
        select
            correlated.suite_id as suite_id,
            correlated.corpus_id as corpus_id,
            correlated.measure as measure,
            correlated.subject as subject,
            correlated.variant as variant,
            correlated.axis as axis,
            correlated.model_count as model_count,
            correlated.point_count as point_count,
            correlated.pearson_correlation as pearson_correlation,
            correlated.spearman_correlation as spearman_correlation,
            collapse.collapse_score as collapse_score,
            collapse.unexplained_share as unexplained_share,
            if(
                correlated.axis = 'validation perplexity', coalesce(compared.equal_perplexity_count, 0), null
            ) as equal_perplexity_count,
            compared.equal_perplexity_deviation as equal_perplexity_deviation,
            compared.equal_perplexity_size_slope as equal_perplexity_size_slope
        from correlated
        left join collapse using (suite_id, corpus_id, measure, subject, variant, axis)
        left join compared using (suite_id, corpus_id, measure, subject, variant, axis)
    )

select *
from gathered

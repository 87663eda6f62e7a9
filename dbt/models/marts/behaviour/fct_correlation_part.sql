{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
    )
}}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    point as ({{ trajectory_points("trajectory") }}),

    ranked as (
        select
            *,
            {{ mean_rank("measure_value", "panel_id, model_id") }} as measure_rank,
            {{ mean_rank("progress", "panel_id, model_id") }} as progress_rank
        from point
    ),

    -- The mean of a model's perplexities is geometric, because `progress` is a logarithm.
    model as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            axis,
            panel_id,
            model_id,
            avg(measure_value) as measure_mean,
            avg(progress) as progress_mean,
            count() > 2
            and max(measure_value) > min(measure_value)
            and max(progress) > min(progress) as has_variation,
            if(has_variation, corrStable(measure_value, progress), null) as pearson_correlation,
            if(has_variation, corrStable(measure_rank, progress_rank), null) as spearman_correlation
        from ranked
        group by suite_id, corpus_id, measure, subject, variant, axis, panel_id, model_id
    ),

    ranked_model as (
        select
            *,
            {{ mean_rank("measure_mean", "panel_id") }} as measure_rank,
            {{ mean_rank("progress_mean", "panel_id") }} as progress_rank
        from model
    ),

    divided as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            axis,
            toInt64(count(spearman_correlation)) as within_model_count,
            avgOrNull(pearson_correlation) as within_model_pearson,
            avgOrNull(spearman_correlation) as within_model_spearman,
            count() > 2
            and max(measure_mean) > min(measure_mean)
            and max(progress_mean) > min(progress_mean) as is_compared,
            if(is_compared, corrStable(measure_mean, progress_mean), null) as between_model_pearson,
            if(is_compared, corrStable(measure_rank, progress_rank), null) as between_model_spearman
        from ranked_model
        group by suite_id, corpus_id, measure, subject, variant, axis
    )

select * except (is_compared)
from divided

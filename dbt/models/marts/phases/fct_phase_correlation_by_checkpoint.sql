{{ config(order_by=["suite_id", "corpus_id", "unit", "predictor_id", "model_id", "step"]) }}

with
    correlation as (select * from {{ ref("int_phase_correlation_series") }}),

    model as (select * from {{ ref("int_phase_model") }}),

    described as (
        select
            {{ checkpoint_id("correlation.model_id", "step") }} as checkpoint_id,
            model.suite_id as suite_id,
            correlation.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            step,
            step * model.batch_tokens as tokens_seen,
            corpus_id,
            unit,
            predictor_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            correlation.unit_count as unit_count,
            pearson,
            {{ fisher_bound("pearson", "correlation.unit_count", "lower") }} as pearson_low,
            {{ fisher_bound("pearson", "correlation.unit_count", "upper") }} as pearson_high,
            spearman,
            {{ spearman_bound("spearman", "correlation.unit_count", "lower") }} as spearman_low,
            {{ spearman_bound("spearman", "correlation.unit_count", "upper") }} as spearman_high,
            corrected_pearson,
            toString(correlation.reason_for_null) as reason_for_null,
            correlation.is_published as is_published
        from correlation
        inner join model on correlation.model_id = model.model_id
    )

select *
from described

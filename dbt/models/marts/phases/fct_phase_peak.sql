{{ config(order_by=["suite_id", "corpus_id", "unit", "predictor_source", "model_id", "ngram_order"]) }}

with
    peak as (select * from {{ ref("int_phase_peak") }}),

    model as (select * from {{ ref("int_phase_model") }}),

    described as (
        select
            model.suite_id as suite_id,
            peak.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            corpus_id,
            unit,
            predictor_id,
            predictor_source,
            provider,
            smoothing,
            ngram_order,
            checkpoint_count,
            first_correlation,
            peak_correlation,
            peak_step,
            {{ phase_bound("peak_step_replicates", "lower") }} as peak_step_low,
            {{ phase_bound("peak_step_replicates", "upper") }} as peak_step_high,
            onset_step,
            if(
                onset_step is null, null, {{ phase_bound("onset_step_replicates", "lower") }}
            ) as onset_step_low,
            if(
                onset_step is null, null, {{ phase_bound("onset_step_replicates", "upper") }}
            ) as onset_step_high,
            tolerance_first_step,
            tolerance_last_step,
            peak.is_published as is_published
        from peak
        inner join model on peak.model_id = model.model_id
    )

select *
from described

{{
    config(
        order_by=["corpus_id", "model_id", "unit", "predictor_source", "ngram_order"],
        query_settings={"max_block_size": 1024},
    )
}}

with
    series as (
        select *
        from {{ ref("int_phase_correlation_series") }}
        where predictor_kind = 'ngram' and pearson is not null
    ),

    summarised as (
        select
            model_id,
            corpus_id,
            unit,
            predictor_id,
            any(ngram_order) as ngram_order,
            any(predictor_source) as predictor_source,
            any(provider) as provider,
            any(smoothing) as smoothing,
            any(is_published) as is_published,
            toInt64(count()) as checkpoint_count,
            arraySort(point -> point .1, groupArray((step, assumeNotNull(pearson)))) as points,
            arrayMap(point -> point .1, points) as steps,
            arrayMap(point -> point .2, points) as correlations,
            correlations[1] as first_correlation,
            arrayMax(correlations) as peak_correlation,
            -- The first of several equal maxima.
            steps[indexOf(correlations, peak_correlation)] as peak_step,
            steps[
                arrayFirstIndex(
                    value -> value >= peak_correlation - {{ var("phase_peak_tolerance") }}, correlations
                )
            ] as tolerance_first_step,
            steps[
                arrayLastIndex(
                    value -> value >= peak_correlation - {{ var("phase_peak_tolerance") }}, correlations
                )
            ] as tolerance_last_step,
            (first_correlation + peak_correlation) / 2 as onset_correlation,
            if(
                peak_step > steps[1] and peak_correlation > 0,
                toNullable(steps[arrayFirstIndex(value -> value >= onset_correlation, correlations)]),
                null
            ) as onset_step
        from series
        group by model_id, corpus_id, unit, predictor_id
    ),

    replicate as (
        select model_id, corpus_id, unit, predictor_id, step, pearson_replicates
        from {{ ref("int_phase_correlation_replicate") }}
    ),

    -- The peak of a replicate is the first of several equal maxima.
    replicate_peak as (
        select
            model_id,
            corpus_id,
            unit,
            predictor_id,
            maxForEach(pearson_replicates) as peak_correlations,
            argMaxForEach(
                arrayWithConstant(length(pearson_replicates), step),
                arrayMap(value -> (value, - step), pearson_replicates)
            ) as peak_steps,
            argMinForEach(
                pearson_replicates, arrayWithConstant(length(pearson_replicates), step)
            ) as first_correlations
        from replicate
        group by model_id, corpus_id, unit, predictor_id
    ),

    replicate_onset as (
        select
            model_id,
            corpus_id,
            unit,
            predictor_id,
            any(replicate_peak.peak_steps) as peak_step_replicates,
            minForEach(
                arrayMap(
                    (value, first_value, peak)
                    -> if(value >= (first_value + peak) / 2, replicate.step, {{ 2**62 }}),
                    pearson_replicates,
                    first_correlations,
                    peak_correlations
                )
            ) as onset_step_replicates
        from replicate
        inner join replicate_peak using (model_id, corpus_id, unit, predictor_id)
        group by model_id, corpus_id, unit, predictor_id
    ),

    block_count as (
        select
            model_id,
            fingerprint.corpus_id as corpus_id,
            unit_set.unit as unit,
            any(unit_set.document_block_count) as document_block_count
        from {{ ref("int_phase_fingerprint") }} as fingerprint
        inner join {{ ref("int_phase_unit_set") }} as unit_set on fingerprint.corpus_id = unit_set.corpus_id
        where unit_set.unit = 'word' or unit_set.tokenizer_id = fingerprint.tokenizer_id
        group by model_id, corpus_id, unit
    ),

    described as (
        select
            summarised.model_id as model_id,
            summarised.corpus_id as corpus_id,
            summarised.unit as unit,
            summarised.predictor_id as predictor_id,
            predictor_source,
            provider,
            smoothing,
            ngram_order,
            checkpoint_count,
            first_correlation,
            peak_correlation,
            peak_step,
            onset_step,
            tolerance_first_step,
            tolerance_last_step,
            block_count.document_block_count as document_block_count,
            peak_step_replicates,
            onset_step_replicates,
            is_published
        from summarised
        left join
            replicate_onset
            on summarised.model_id = replicate_onset.model_id
            and summarised.corpus_id = replicate_onset.corpus_id
            and summarised.unit = replicate_onset.unit
            and summarised.predictor_id = replicate_onset.predictor_id
        left join
            block_count
            on summarised.model_id = block_count.model_id
            and summarised.corpus_id = block_count.corpus_id
            and summarised.unit = block_count.unit
    )

select *
from described

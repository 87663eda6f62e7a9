{{ config(materialized="view") }}

with
    own as (
        select correlation.*, predictor.* except (corpus_id, unit, tokenizer_id, predictor_id)
        from {{ ref("int_phase_correlation") }} as correlation
        inner join
            (
                select
                    corpus_id,
                    unit,
                    tokenizer_id,
                    predictor_id,
                    predictor_kind,
                    ngram_order,
                    predictor_source,
                    provider,
                    smoothing,
                    weighting
                from {{ ref("int_phase_predictor") }}
            ) as predictor
            on correlation.corpus_id = predictor.corpus_id
            and correlation.unit = predictor.unit
            and correlation.tokenizer_id = predictor.tokenizer_id
            and correlation.predictor_id = predictor.predictor_id
    ),

    own_or_published as (
        select
            model_id,
            corpus_id,
            unit,
            step,
            predictor_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            toNullable(unit_count) as unit_count,
            pearson,
            spearman,
            corrected_pearson,
            reason_for_null,
            false as is_published
        from own
        union all
        select
            model_id,
            corpus_id,
            unit,
            step,
            predictor_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            null as unit_count,
            toNullable(pearson) as pearson,
            toNullable(spearman) as spearman,
            null as corrected_pearson,
            '' as reason_for_null,
            true as is_published
        from {{ ref("int_published_phase_correlation") }}
    )

select *
from own_or_published

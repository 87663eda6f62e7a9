{{ config(order_by=["corpus_id", "unit", "tokenizer_id", "predictor_id", "unit_ordinal"]) }}

with
    measured_unit as (select * from {{ ref("int_phase_unit") }}),

    predictor_value as (
        select
            toString(corpus_id) as corpus_id,
            toString(unit) as unit,
            if(unit = 'token', toString(vocabulary_id), '') as tokenizer_id,
            document_id,
            unit_index,
            'ngram' as predictor_kind,
            ngram_order,
            toString(ngram_corpus_id) as predictor_source,
            toString(provider) as provider,
            toString(smoothing) as smoothing,
            '' as weighting,
            toNullable(toFloat64(ngram_log_prob_nats)) as value
        from {{ ref("stg_phases__ngram_score") }}
        union all
        select
            toString(corpus_id) as corpus_id,
            'word' as unit,
            '' as tokenizer_id,
            document_id,
            word_index as unit_index,
            'similarity' as predictor_kind,
            toUInt8(0) as ngram_order,
            toString(vectors_id) as predictor_source,
            '' as provider,
            '' as smoothing,
            toString(weighting) as weighting,
            toFloat64(cosine_similarity) as value
        from {{ ref("stg_phases__semantic_similarity") }}
    ),

    described as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            document_id,
            unit_index,
            measured_unit.unit_ordinal as unit_ordinal,
            measured_unit.split as split,
            {{ phase_predictor_id() }} as predictor_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            -- Adding 0 makes a negative zero equal to zero.
            if(isFinite(value), value + 0, null) as value
        from predictor_value
        inner join measured_unit using (corpus_id, unit, tokenizer_id, document_id, unit_index)
    )

select *
from described

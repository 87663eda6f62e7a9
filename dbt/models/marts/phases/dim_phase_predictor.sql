{{ config(order_by=["predictor_id", "corpus_id", "unit", "tokenizer_id"]) }}

with
    vectors as (select * from {{ ref("stg_phases__word_vectors") }}),

    own as (
        select
            predictor_id,
            corpus_id,
            unit,
            tokenizer_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            toNullable(unit_count) as unit_count,
            toNullable(known_unit_count) as known_unit_count,
            if(predictor_kind = 'similarity', toString(vectors.vectors_origin), '') as vectors_origin,
            false as is_published
        from {{ ref("int_phase_predictor") }} as predictor
        left join vectors on predictor.predictor_source = toString(vectors.vectors_id)
    ),

    own_or_published as (
        select *
        from own
        union all
        select distinct
            predictor_id,
            corpus_id,
            unit,
            '' as tokenizer_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            null as unit_count,
            null as known_unit_count,
            if(predictor_kind = 'similarity', 'file', '') as vectors_origin,
            true as is_published
        from {{ ref("int_published_phase_correlation") }}
    )

select *
from own_or_published

{{ config(order_by=["model_id", "corpus_id"]) }}

with
    series as (
        select
            toString(model_id) as model_id,
            toString(corpus_id) as corpus_id,
            toString(tokenizer_id) as tokenizer_id,
            series_fingerprint
        from {{ ref("int_series_fingerprint") }}
    ),

    unit_set as (
        select
            corpus_id,
            unit,
            tokenizer_id as unit_tokenizer_id,
            unit_set_hash,
            arraySort(groupArray(predictor.predictor_hash)) as predictor_hashes
        from {{ ref("int_phase_unit_set") }} as unit_set
        inner join {{ ref("int_phase_predictor") }} as predictor using (corpus_id, unit, tokenizer_id)
        group by corpus_id, unit, unit_tokenizer_id, unit_set_hash
    ),

    -- Words are shared by all models, tokens by the models with the same tokenizer.
    fingerprinted as (
        select
            model_id,
            series.corpus_id as corpus_id,
            series.tokenizer_id as tokenizer_id,
            cityHash64(
                any(series.series_fingerprint),
                arraySort(groupArray((unit, unit_tokenizer_id, unit_set_hash))),
                {{ var("phase_definition") }}
            ) as unit_fingerprint,
            cityHash64(
                unit_fingerprint, arraySort(arrayFlatten(groupArray(predictor_hashes)))
            ) as phase_fingerprint
        from series
        inner join unit_set on series.corpus_id = unit_set.corpus_id
        where unit = 'word' or series.tokenizer_id = unit_tokenizer_id
        group by model_id, corpus_id, tokenizer_id
    )

select *
from fingerprinted

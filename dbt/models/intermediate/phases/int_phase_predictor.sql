{{
    config(
        order_by=["corpus_id", "unit", "tokenizer_id", "predictor_id"],
        query_settings={"join_use_nulls": 1, "max_block_size": 65536},
    )
}}

with
    unit_set as (
        select corpus_id, unit, tokenizer_id, unit_count, splits from {{ ref("int_phase_unit_set") }}
    ),

    gathered as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            predictor_id,
            any(predictor_kind) as predictor_kind,
            any(ngram_order) as ngram_order,
            any(predictor_source) as predictor_source,
            any(provider) as provider,
            any(smoothing) as smoothing,
            any(weighting) as weighting,
            groupArray((unit_ordinal, value)) as value_pairs
        from {{ ref("int_phase_predictor_value") }}
        group by corpus_id, unit, tokenizer_id, predictor_id
    ),

    aligned as (
        select
            gathered.corpus_id as corpus_id,
            gathered.unit as unit,
            gathered.tokenizer_id as tokenizer_id,
            predictor_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            weighting,
            unit_set.unit_count as unit_count,
            {{ values_by_place("value_pairs", "unit_set.unit_count") }} as predictor_values,
            toInt64(arrayCount(value -> isNotNull(value), predictor_values)) as known_unit_count,
            arrayMap(
                (value, split) -> toUInt8(isNotNull(value) and split in ('train', 'all')),
                predictor_values,
                unit_set.splits
            ) as training_mask,
            cityHash64(training_mask) as training_mask_id,
            {{ kept_values("predictor_values", "training_mask") }} as training_values,
            {{ average_ranks("training_values") }} as training_ranks,
            empty(training_values) or {{ is_constant_array("training_values") }} as is_constant,
            cityHash64(predictor_id, toString(predictor_values)) as predictor_hash
        from gathered
        inner join
            unit_set
            on gathered.corpus_id = unit_set.corpus_id
            and gathered.unit = unit_set.unit
            and gathered.tokenizer_id = unit_set.tokenizer_id
    )

select *
from aligned

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["unit", "predictor_id", "step"],
        query_settings={"join_use_nulls": 0, "max_block_size": 16, "max_joined_block_size_rows": 16},
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_fingerprint')) }}",
    )
}}

with
    {{ stale_phase_pairs() }},

    predictor as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            predictor_id,
            training_mask_id,
            training_values,
            training_ranks,
            is_constant
        from {{ ref("int_phase_predictor") }}
    ),

    mask as (
        select corpus_id, unit, tokenizer_id, training_mask_id, any(predictor.training_mask) as training_mask
        from {{ ref("int_phase_predictor") }} as predictor
        group by corpus_id, unit, tokenizer_id, training_mask_id
    ),

    -- Predictors that are known for the same words share the ranks of the log-probabilities.
    -- `present` holds the places of the words that the checkpoint scored.
    masked as (
        select
            model_id,
            checkpoint.corpus_id as corpus_id,
            checkpoint.unit as unit,
            checkpoint.tokenizer_id as tokenizer_id,
            step,
            training_mask_id,
            arrayFilter((value, is_kept) -> is_kept, log_prob_nats, training_mask) as kept_log_probs,
            arrayFilter(
                (place, value) -> isNotNull(value), arrayEnumerate(kept_log_probs), kept_log_probs
            ) as present,
            length(present) = length(kept_log_probs) as is_complete,
            arrayMap(
                value -> assumeNotNull(value), arrayFilter(value -> isNotNull(value), kept_log_probs)
            ) as log_probs,
            {{ average_ranks("log_probs") }} as log_prob_ranks,
            empty(log_probs) or {{ is_constant_array("log_probs") }} as is_constant_log_prob,
            arrayFilter(
                (value, is_kept) -> is_kept, corrected_log_prob_nats, training_mask
            ) as kept_corrected,
            not arrayExists(value -> isNull(value), kept_corrected) as has_corrected,
            if(
                has_corrected, arrayMap(value -> assumeNotNull(value), kept_corrected), []
            ) as corrected_log_probs,
            phase_fingerprint
        from checkpoint
        inner join
            mask
            on checkpoint.corpus_id = mask.corpus_id
            and checkpoint.unit = mask.unit
            and checkpoint.tokenizer_id = mask.tokenizer_id
    ),

    compared as (
        select
            model_id,
            masked.corpus_id as corpus_id,
            masked.unit as unit,
            masked.tokenizer_id as tokenizer_id,
            step,
            predictor_id,
            toInt64(length(log_probs)) as unit_count,
            if(
                is_complete, training_values, arrayMap(place -> training_values[place], present)
            ) as predictor_values,
            if(is_complete, training_ranks, {{ average_ranks("predictor_values") }}) as predictor_ranks,
            multiIf(
                unit_count < 5,
                'fewer than five units',
                is_constant_log_prob,
                'constant log-probability',
                if(is_complete, is_constant, {{ is_constant_array("predictor_values") }}),
                'constant predictor',
                ''
            ) as reason_for_null,
            if(
                reason_for_null = '', toNullable(arrayReduce('corrStable', log_probs, predictor_values)), null
            ) as pearson,
            if(
                reason_for_null = '',
                toNullable(arrayReduce('corrStable', log_prob_ranks, predictor_ranks)),
                null
            ) as spearman,
            if(
                reason_for_null = '' and has_corrected and is_complete and unit_count > 0,
                toNullable(arrayReduce('corrStable', corrected_log_probs, predictor_values)),
                null
            ) as corrected_pearson,
            phase_fingerprint
        from masked
        inner join
            predictor
            on masked.corpus_id = predictor.corpus_id
            and masked.unit = predictor.unit
            and masked.tokenizer_id = predictor.tokenizer_id
            and masked.training_mask_id = predictor.training_mask_id
    )

select
    model_id,
    corpus_id,
    unit,
    tokenizer_id,
    step,
    predictor_id,
    unit_count,
    pearson,
    spearman,
    if(isFinite(corrected_pearson), corrected_pearson, null) as corrected_pearson,
    reason_for_null,
    phase_fingerprint
from compared

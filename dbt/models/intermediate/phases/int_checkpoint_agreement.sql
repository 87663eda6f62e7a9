{{
    config(
        materialized="incremental",
        partition_by=["model_id", "other_model_id", "corpus_id"],
        order_by=["step", "other_step"],
        query_settings={"join_use_nulls": 0, "max_block_size": 16, "max_joined_block_size_rows": 16},
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_model_pair'), 'model_id, other_model_id, corpus_id') }}",
    )
}}

with
    stale_pair as (
        {{
            select_stale_pairs(
                ref("int_phase_model_pair"), "pair_fingerprint", "model_id, other_model_id, corpus_id"
            )
        }}
    ),

    vector as (
        select model_id, corpus_id, step, log_prob_nats
        from {{ ref("int_unit_log_prob") }}
        where
            unit = 'word'
            and (model_id, corpus_id, step)
            in (select model_id, corpus_id, step from {{ ref("int_phase_aligned_checkpoint") }})
            and (model_id, corpus_id) in (
                select model_id, corpus_id
                from stale_pair
                union all
                select other_model_id, corpus_id
                from stale_pair
            )
    ),

    paired as (
        select
            stale_pair.model_id as model_id,
            stale_pair.other_model_id as other_model_id,
            stale_pair.corpus_id as corpus_id,
            vector.step as step,
            other.step as other_step,
            arrayMap(
                (value, other_value) -> toUInt8(isNotNull(value) and isNotNull(other_value)),
                vector.log_prob_nats,
                other.log_prob_nats
            ) as kept,
            {{ kept_values("vector.log_prob_nats", "kept") }} as log_probs,
            {{ kept_values("other.log_prob_nats", "kept") }} as other_log_probs,
            stale_pair.pair_fingerprint as pair_fingerprint
        from vector
        inner join
            stale_pair on vector.model_id = stale_pair.model_id and vector.corpus_id = stale_pair.corpus_id
        inner join
            vector as other
            on stale_pair.other_model_id = other.model_id
            and stale_pair.corpus_id = other.corpus_id
        where stale_pair.model_id != stale_pair.other_model_id or vector.step <= other.step
    ),

    correlated as (
        select
            model_id,
            other_model_id,
            corpus_id,
            step,
            other_step,
            toInt64(length(log_probs)) as word_count,
            multiIf(
                word_count < 5,
                'fewer than five words',
                {{ is_constant_array("log_probs") }} or {{ is_constant_array("other_log_probs") }},
                'constant log-probability',
                ''
            ) as reason_for_null,
            if(
                reason_for_null = '', toNullable(arrayReduce('corrStable', log_probs, other_log_probs)), null
            ) as pearson,
            pair_fingerprint
        from paired
    )

select *
from correlated

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["predictor_id", "category", "step"],
        query_settings={"join_use_nulls": 0, "max_block_size": 16, "max_joined_block_size_rows": 16},
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_trend_fingerprint')) }}",
    )
}}

{% set start_ordinal = (
    "indexOf(" ~ var("trend_start_percents") ~ ", " ~ var("phase_trend_start_percent") ~ ")"
) %}

with
    stale_pair as (
        {{
            select_stale_pairs(
                ref("int_phase_trend_fingerprint"), "bridge_fingerprint", carried="tokenizer_id"
            )
        }}
    ),

    measured_unit as (
        select corpus_id, tokenizer_id, document_id, unit_index, unit_ordinal
        from {{ ref("int_phase_unit") }}
        where unit = 'token' and corpus_id in (select corpus_id from stale_pair)
    ),

    token_category as (
        select
            toString(model_id) as model_id,
            toString(corpus_id) as corpus_id,
            document_id,
            position,
            toString({{ decode_category("category_code", start_ordinal) }}) as category
        from {{ ref("int_token_category") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- Categories are numbers in the order of the list of categories, so that they fit into an array by place.
    gathered as (
        select
            stale_pair.model_id as model_id,
            stale_pair.corpus_id as corpus_id,
            stale_pair.tokenizer_id as tokenizer_id,
            any(stale_pair.bridge_fingerprint) as bridge_fingerprint,
            groupArray(
                (
                    measured_unit.unit_ordinal,
                    toNullable(toFloat64(indexOf({{ determined_categories() }}, category)))
                )
            ) as category_pairs
        from token_category
        inner join
            stale_pair
            on token_category.model_id = stale_pair.model_id
            and token_category.corpus_id = stale_pair.corpus_id
        inner join
            measured_unit
            on stale_pair.corpus_id = measured_unit.corpus_id
            and stale_pair.tokenizer_id = measured_unit.tokenizer_id
            and token_category.document_id = measured_unit.document_id
            and token_category.position = measured_unit.unit_index
        group by model_id, corpus_id, tokenizer_id
    ),

    categorised as (
        select
            gathered.model_id as model_id,
            gathered.corpus_id as corpus_id,
            gathered.tokenizer_id as tokenizer_id,
            bridge_fingerprint,
            {{ values_by_place("category_pairs", "unit_set.unit_count") }} as categories
        from gathered
        inner join
            {{ ref("int_phase_unit_set") }} as unit_set
            on gathered.corpus_id = unit_set.corpus_id
            and gathered.tokenizer_id = unit_set.tokenizer_id
        where unit_set.unit = 'token'
    ),

    checkpoint as (
        select model_id, corpus_id, tokenizer_id, step, log_prob_nats
        from {{ ref("int_unit_log_prob") }}
        where unit = 'token' and (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    predictor as (
        select corpus_id, tokenizer_id, predictor_id, predictor_values
        from {{ ref("int_phase_predictor") }}
        where unit = 'token' and predictor_kind = 'ngram'
    ),

    compared as (
        select
            checkpoint.model_id as model_id,
            checkpoint.corpus_id as corpus_id,
            checkpoint.tokenizer_id as tokenizer_id,
            step,
            predictor_id,
            arrayJoin(arrayEnumerate({{ determined_categories() }})) as category_number,
            {{ determined_categories() }} [category_number] as category,
            arrayMap(
                (number, value, predicted)
                -> toUInt8(ifNull(number, 0) = category_number and isNotNull(value) and isNotNull(predicted)),
                categories,
                log_prob_nats,
                predictor_values
            ) as kept,
            {{ kept_values("log_prob_nats", "kept") }} as log_probs,
            {{ kept_values("predictor_values", "kept") }} as ngram_log_probs,
            bridge_fingerprint
        from checkpoint
        inner join
            categorised
            on checkpoint.model_id = categorised.model_id
            and checkpoint.corpus_id = categorised.corpus_id
            and checkpoint.tokenizer_id = categorised.tokenizer_id
        inner join
            predictor
            on checkpoint.corpus_id = predictor.corpus_id
            and checkpoint.tokenizer_id = predictor.tokenizer_id
    ),

    described as (
        select
            model_id,
            corpus_id,
            tokenizer_id,
            step,
            predictor_id,
            category,
            toInt64(length(log_probs)) as token_count,
            if(token_count > 0, toNullable(arrayAvg(log_probs)), null) as mean_log_prob_nats,
            if(token_count > 0, toNullable(arrayAvg(ngram_log_probs)), null) as mean_ngram_log_prob_nats,
            multiIf(
                token_count < 5,
                'fewer than five tokens',
                {{ is_constant_array("log_probs") }},
                'constant log-probability',
                {{ is_constant_array("ngram_log_probs") }},
                'constant n-gram score',
                ''
            ) as reason_for_null,
            if(
                reason_for_null = '', toNullable(arrayReduce('corrStable', log_probs, ngram_log_probs)), null
            ) as pearson,
            bridge_fingerprint
        from compared
    )

select *
from described

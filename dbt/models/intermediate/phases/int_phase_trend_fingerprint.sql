{{ config(order_by=["model_id", "corpus_id"]) }}

with
    phase as (
        select model_id, corpus_id, tokenizer_id, phase_fingerprint from {{ ref("int_phase_fingerprint") }}
    ),

    trend as (select model_id, corpus_id, trend_fingerprint from {{ ref("int_trend_fingerprint") }}),

    -- Trends are of tokens, so only corpora whose tokens have n-gram scores are here.
    token_set as (
        select distinct corpus_id, tokenizer_id from {{ ref("int_phase_unit_set") }} where unit = 'token'
    ),

    fingerprinted as (
        select
            phase.model_id as model_id,
            phase.corpus_id as corpus_id,
            phase.tokenizer_id as tokenizer_id,
            cityHash64(
                phase.phase_fingerprint, trend.trend_fingerprint, {{ var("phase_trend_start_percent") }}
            ) as bridge_fingerprint
        from phase
        inner join
            trend on phase.model_id = toString(trend.model_id) and phase.corpus_id = toString(trend.corpus_id)
        inner join
            token_set on phase.corpus_id = token_set.corpus_id and phase.tokenizer_id = token_set.tokenizer_id
    )

select *
from fingerprinted

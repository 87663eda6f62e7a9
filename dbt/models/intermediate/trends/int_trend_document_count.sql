{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "document_id", "category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    token_trend as (
        select *
        from {{ ref("int_token_trend_by_start") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    counted as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            document_id,
            category,
            toInt64(count()) as token_count,
            any(token_trend.trend_fingerprint) as trend_fingerprint
        from token_trend
        group by convention_id, model_id, corpus_id, start_percent, document_id, category
    )

select *
from counted

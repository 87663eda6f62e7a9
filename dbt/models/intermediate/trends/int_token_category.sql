{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["document_id", "position"],
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
        query_settings={"join_use_nulls": 0, "max_bytes_before_external_group_by": 4000000000},
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    token_trend as (
        select *
        from {{ ref("int_token_trend_by_start") }}
        where
            convention_id in (select convention_id from default_convention)
            and (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    encoded as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            {{ encode_categories("start_percent", "category") }} as category_code,
            any(token_trend.trend_fingerprint) as trend_fingerprint
        from token_trend
        group by model_id, corpus_id, document_id, position
    )

select *
from encoded

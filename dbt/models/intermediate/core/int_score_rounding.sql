{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["model_id", "corpus_id"],
        pre_hook="{{ drop_vanished_pairs(ref('int_series_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_series_fingerprint"), "series_fingerprint") }}),

    -- Billions of scores are aggregated before the join with a few pairs.
    coarsest as (
        select model_id, corpus_id, max(rounding_nats) as rounding_nats
        from {{ ref("stg_scoring__token_score") }}
        where
            model_id in (select model_id from stale_pair) and corpus_id in (select corpus_id from stale_pair)
        group by model_id, corpus_id
    ),

    fingerprinted as (
        select model_id, corpus_id, rounding_nats, series_fingerprint
        from coarsest
        inner join stale_pair using (model_id, corpus_id)
    )

select *
from fingerprinted

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["start_percent", "category", "robust_category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

{%- set categories = determined_categories() %}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    -- Each row holds an array of all tokens of one document, so that the join has one row per document
    -- and not one row per token. Both joined tables hold the same tokens in the order of their positions,
    -- because a trend is undetermined in both or in neither. Equal indices in the two arrays therefore
    -- mean the same token. Each element packs the position and the trend category of a token into one
    -- number, because numbers are sorted quickly.
    least_squares as (
        select
            model_id,
            corpus_id,
            start_percent,
            document_id,
            arraySort(groupArray(position * 4 + indexOf({{ categories }}, category) - 1)) as tokens
        from {{ ref("int_token_trend_by_start") }}
        where
            convention_id in (select convention_id from default_convention)
            and (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and category != 'undetermined'
        group by model_id, corpus_id, start_percent, document_id
    ),

    robust as (
        select
            model_id,
            corpus_id,
            start_percent,
            document_id,
            arraySort(groupArray(position * 4 + indexOf({{ categories }}, category) - 1)) as robust_tokens
        from {{ ref("int_token_trend_robust_by_start") }}
        where
            (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and category != 'undetermined'
        group by model_id, corpus_id, start_percent, document_id
    ),

    cell as (
        select model_id, corpus_id, start_percent, cell, count() as cell_count
        from least_squares
        inner join robust using (model_id, corpus_id, start_percent, document_id)
        array join
            arrayMap(
                (token, robust_token) -> toUInt8(token % 4 * 4 + robust_token % 4), tokens, robust_tokens
            ) as cell
        group by model_id, corpus_id, start_percent, cell
    ),

    counted as (
        select
            model_id,
            corpus_id,
            start_percent,
            toLowCardinality({{ categories }} [intDiv(cell, 4) + 1]) as category,
            toLowCardinality({{ categories }} [cell % 4 + 1]) as robust_category,
            toInt64(cell_count) as token_count,
            trend_fingerprint
        from cell
        inner join stale_pair using (model_id, corpus_id)
    )

select *
from counted

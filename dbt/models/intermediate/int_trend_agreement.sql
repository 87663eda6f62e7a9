{{
    config(
        materialized="incremental",
        incremental_strategy="insert_overwrite",
        on_schema_change="fail",
        engine="MergeTree()",
        partition_by=["set_model_id", "model_id", "corpus_id"],
        order_by=["start_percent", "set_category", "category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_pair'), 'set_model_id, model_id, corpus_id') }}",
    )
}}

with
    stale_pair as (
        {{
            select_stale_pairs(
                ref("int_trend_pair"), "pair_fingerprint", "set_model_id, model_id, corpus_id"
            )
        }}
    ),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    -- one row per token, so that the join holds a tenth of the rows; the starts of a token are in order
    token_trend as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            arraySort(groupArray((start_percent, category))) as start_categories
        from {{ ref("int_token_trend_by_start") }}
        where
            convention_id in (select convention_id from default_convention)
            and (model_id, corpus_id) in (
                select set_model_id, corpus_id
                from stale_pair
                union all
                select model_id, corpus_id
                from stale_pair
            )
        group by model_id, corpus_id, document_id, position
    ),

    paired as (
        select
            stale_pair.set_model_id as set_model_id,
            stale_pair.model_id as model_id,
            stale_pair.corpus_id as corpus_id,
            stale_pair.pair_fingerprint as pair_fingerprint,
            set_trend.start_categories as set_start_categories,
            mapFromArrays(
                arrayMap(pair -> pair .1, trend.start_categories),
                arrayMap(pair -> pair .2, trend.start_categories)
            ) as categories
        from token_trend as set_trend
        inner join
            stale_pair
            on set_trend.model_id = stale_pair.set_model_id
            and set_trend.corpus_id = stale_pair.corpus_id
        inner join
            token_trend as trend
            on stale_pair.model_id = trend.model_id
            and stale_pair.corpus_id = trend.corpus_id
            and set_trend.document_id = trend.document_id
            and set_trend.position = trend.position
    ),

    counted as (
        select
            set_model_id,
            model_id,
            corpus_id,
            start_category .1 as start_percent,
            toLowCardinality(start_category .2) as set_category,
            categories[start_percent] as category,
            toInt64(count()) as token_count,
            any(paired.pair_fingerprint) as pair_fingerprint
        from paired
        array join set_start_categories as start_category
        where mapContains(categories, start_percent)
        group by set_model_id, model_id, corpus_id, start_percent, set_category, category
    )

select *
from counted

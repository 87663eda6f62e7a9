{{
    config(
        materialized="incremental",
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

    token_category as (
        select model_id, corpus_id, document_id, position, category_code
        from {{ ref("int_token_category") }}
        where
            (model_id, corpus_id) in (
                select set_model_id, corpus_id
                from stale_pair
                union all
                select model_id, corpus_id
                from stale_pair
            )
    ),

    -- A category code is one number that holds the trend categories of a token, one category for each start
    -- of the trend fit. Tokens are first counted by their codes under the two models. The codes are decoded
    -- after counting, because there are few codes and many tokens.
    paired as (
        select
            stale_pair.set_model_id as set_model_id,
            stale_pair.model_id as model_id,
            stale_pair.corpus_id as corpus_id,
            set_token.category_code as set_category_code,
            token.category_code as category_code,
            count() as pair_count,
            any(stale_pair.pair_fingerprint) as fingerprint
        from token_category as set_token
        inner join
            stale_pair
            on set_token.model_id = stale_pair.set_model_id
            and set_token.corpus_id = stale_pair.corpus_id
        inner join
            token_category as token
            on stale_pair.model_id = token.model_id
            and stale_pair.corpus_id = token.corpus_id
            and set_token.document_id = token.document_id
            and set_token.position = token.position
        group by set_model_id, model_id, corpus_id, set_category_code, category_code
    ),

    counted as (
        select
            set_model_id,
            model_id,
            corpus_id,
            toUInt8(start) as start_percent,
            toLowCardinality({{ decode_category("set_category_code", "start_ordinal") }}) as set_category,
            toLowCardinality({{ decode_category("category_code", "start_ordinal") }}) as category,
            toInt64(sum(pair_count)) as token_count,
            any(fingerprint) as pair_fingerprint
        from paired
        array join
            {{ var("trend_start_percents") }} as start,
            arrayEnumerate({{ var("trend_start_percents") }}) as start_ordinal
        where set_category not in ('', 'undetermined') and category not in ('', 'undetermined')
        group by set_model_id, model_id, corpus_id, start_percent, set_category, category
    )

select *
from counted

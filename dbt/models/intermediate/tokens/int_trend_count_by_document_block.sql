{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "document_block", "category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_token_property_pair')) }}",
    )
}}

with
    stale_pair as (
        select *
        from {{ ref("int_token_property_pair") }}
        where
            (model_id, corpus_id) in (
                select model_id, corpus_id
                from ({{ select_stale_pairs(ref("int_token_property_pair"), "property_fingerprint") }})
            )
    ),

    -- Model and corpus are replaced by one hash, because joins and groupings are faster with a hash than with
    -- names. An undetermined trend is not counted.
    token_trend as (
        select
            convention_id,
            start_percent,
            category,
            fit_point_count,
            cityHash64(model_id, corpus_id) as pair_id,
            document_id,
            position
        from {{ ref("int_token_trend_by_start") }}
        where
            (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and category != 'undetermined'
    ),

    token as (
        select
            cityHash64(stale_pair.model_id, stale_pair.corpus_id) as pair_id,
            document_id,
            position,
            {{ token_property_ordinals() }}
        from {{ ref("int_token_property") }} as token_property
        inner join
            stale_pair
            on token_property.tokenizer_id = stale_pair.tokenizer_id
            and token_property.corpus_id = stale_pair.corpus_id
    ),

    counted as (
        select
            convention_id,
            pair_id,
            start_percent,
            {{ document_block("document_id") }} as document_block,
            category,
            toInt64(count()) as token_count,
            max(token_trend.fit_point_count) as fit_point_count,
            {{ count_by_token_property() }} as token_counts
        from token_trend
        inner join token using (pair_id, document_id, position)
        group by convention_id, pair_id, start_percent, document_block, category
    ),

    named as (
        select
            convention_id,
            stale_pair.model_id as model_id,
            stale_pair.corpus_id as corpus_id,
            start_percent,
            document_block,
            category,
            token_count,
            fit_point_count,
            token_counts,
            stale_pair.property_fingerprint as property_fingerprint
        from counted
        inner join stale_pair on counted.pair_id = cityHash64(stale_pair.model_id, stale_pair.corpus_id)
    )

select *
from named

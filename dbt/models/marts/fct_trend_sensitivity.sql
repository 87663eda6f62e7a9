{{
    config(
        engine="MergeTree()",
        order_by=["model_id", "corpus_id", "start_percent", "category", "convention_id"],
    )
}}

with
    trend_share as (select * from {{ ref("fct_trend_share_by_start") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    default_share as (
        select model_id, corpus_id, start_percent, category, share as default_share
        from trend_share
        where convention_id in (select convention_id from default_convention)
    ),

    -- a start that only one of the conventions reaches has nothing to be compared with
    compared as (
        select
            model_id,
            corpus_id,
            start_percent,
            category,
            convention_id,
            share,
            default_share,
            share - default_share as share_difference,
            if(default_share > 0, share / default_share, null) as share_ratio
        from trend_share
        inner join default_share using (model_id, corpus_id, start_percent, category)
    )

select *
from compared

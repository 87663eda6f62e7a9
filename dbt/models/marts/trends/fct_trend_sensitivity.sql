{{
    config(
        order_by=["model_id", "corpus_id", "start_percent", "category", "convention_id"],
    )
}}

with
    trend_share as (select * from {{ ref("fct_trend_share_by_start") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    default_share as (
        select model_id, corpus_id, start_percent, category, token_share as default_token_share
        from trend_share
        where convention_id in (select convention_id from default_convention)
    ),

    -- The inner join keeps a start of the trend fit if this row's convention and the default convention both
    -- have trends from this start. A convention has no trends from a start that training has not reached.
    compared as (
        select
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            start_percent,
            category,
            convention_id,
            token_share,
            default_token_share,
            token_share - default_token_share as token_share_difference,
            if(default_token_share > 0, token_share / default_token_share, null) as token_share_ratio
        from trend_share
        inner join default_share using (model_id, corpus_id, start_percent, category)
    )

select *
from compared

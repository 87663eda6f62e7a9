{{
    config(
        engine="MergeTree()",
        order_by=["convention_id", "model_id", "corpus_id", "start_percent", "category"],
    )
}}

with
    trend_count as (
        select convention_id, model_id, corpus_id, start_percent, category, token_count
        from {{ ref("int_trend_count_by_start") }}
    ),

    start_total as (
        select convention_id, model_id, corpus_id, start_percent, sum(token_count) as start_token_count
        from trend_count
        group by convention_id, model_id, corpus_id, start_percent
    ),

    -- a category that no token is in has a share of 0, not none
    start_category as (
        select *, arrayJoin(['downward', 'other', 'stagnated', 'upward']) as category from start_total
    ),

    shared as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            toLowCardinality(start_category.category) as category,
            trend_count.token_count as token_count,
            trend_count.token_count / start_token_count as share
        from start_category
        left join trend_count using (convention_id, model_id, corpus_id, start_percent, category)
    )

select *
from shared

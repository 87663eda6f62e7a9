{{ config(materialized="view") }}

with
    own as (select * from {{ ref("fct_trend_share_by_start") }}),

    published as (select * from {{ ref("fct_published_trend_share") }}),

    -- The number of checkpoints in the published trend fits is unknown, so has_few_points is false for
    -- published shares. Single tokens were not published, so these shares have no interval and no
    -- permutations.
    combined as (
        select
            convention_id,
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            start_percent,
            category,
            token_share,
            share_lower,
            share_upper,
            null_share,
            null_share_lower,
            null_share_upper,
            has_few_points,
            false as is_published
        from own
        union all
        select
            toLowCardinality(convention_id) as convention_id,
            suite_id,
            toLowCardinality(model_id) as model_id,
            parameter_count,
            toLowCardinality(corpus_id) as corpus_id,
            start_percent,
            category,
            token_share,
            cast(null as Nullable(Float64)) as share_lower,
            cast(null as Nullable(Float64)) as share_upper,
            cast(null as Nullable(Float64)) as null_share,
            cast(null as Nullable(Float64)) as null_share_lower,
            cast(null as Nullable(Float64)) as null_share_upper,
            false as has_few_points,
            true as is_published
        from published
    )

select *
from combined

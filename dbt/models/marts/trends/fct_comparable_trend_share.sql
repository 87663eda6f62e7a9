{{ config(materialized="view") }}

with
    own as (select * from {{ ref("fct_trend_share_by_start") }}),

    published as (select * from {{ ref("fct_published_trend_share") }}),

    -- The number of checkpoints in the published trend fits is unknown, so is_fitted is set to true for
    -- published shares.
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
            is_fitted,
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
            true as is_fitted,
            true as is_published
        from published
    )

select *
from combined

{{ config(materialized="view") }}

with
    published_share as (select * from {{ ref("published_trend_share") }}),

    model as (select * from {{ ref("dim_published_model") }}),

    described as (
        select
            'published' as convention_id,
            model.suite_id as suite_id,
            model.model_id as model_id,
            model.parameter_count as parameter_count,
            model.corpus_id as corpus_id,
            published_share.start_percent as start_percent,
            published_share.category as category,
            published_share.token_percent / 100 as token_share
        from published_share
        inner join model using (suite_id, model_name)
    )

select *
from described

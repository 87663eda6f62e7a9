{{
    config(
        order_by=["convention_id", "model_id", "corpus_id", "start_percent", "category"],
    )
}}

with
    trend_count as (select * from {{ ref("int_trend_count_by_start") }} where category != 'undetermined'),

    null_share as (select * from {{ ref("int_trend_null_share") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    trend_design as (select * from {{ ref("int_trend_design") }}),

    -- A token that lacks scores at some checkpoints has fewer checkpoints in its trend fit than the other
    -- tokens. The maximum is the number of checkpoints in the fit of a token without missing scores.
    start_fit as (
        select convention_id, model_id, corpus_id, start_percent, max(fit_points) as fit_point_count
        from trend_design
        array join start_percents as start_percent, fit_point_counts as fit_points
        group by convention_id, model_id, corpus_id, start_percent
    ),

    -- A category without tokens gets a row with a share of 0.
    start_category as (
        select distinct
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            arrayJoin({{ determined_categories() }}) as category
        from trend_count
    ),

    shared as (
        select
            start_category.convention_id as convention_id,
            model.suite_id as suite_id,
            start_category.model_id as model_id,
            model.parameter_count as parameter_count,
            start_category.corpus_id as corpus_id,
            start_category.start_percent as start_percent,
            toLowCardinality(start_category.category) as category,
            trend_count.token_count as token_count,
            ifNull(trend_count.token_share, 0) as token_share,
            trend_count.share_lower as share_lower,
            trend_count.share_upper as share_upper,
            null_share.null_share as null_share,
            null_share.null_share_lower as null_share_lower,
            null_share.null_share_upper as null_share_upper,
            start_fit.fit_point_count as fit_point_count,
            toBool(start_fit.fit_point_count < 5) as has_few_points
        from start_category
        left join
            trend_count
            on start_category.convention_id = trend_count.convention_id
            and start_category.model_id = trend_count.model_id
            and start_category.corpus_id = trend_count.corpus_id
            and start_category.start_percent = trend_count.start_percent
            and start_category.category = trend_count.category
        left join
            start_fit
            on start_category.convention_id = start_fit.convention_id
            and start_category.model_id = start_fit.model_id
            and start_category.corpus_id = start_fit.corpus_id
            and start_category.start_percent = start_fit.start_percent
        left join
            null_share
            on start_category.convention_id = null_share.convention_id
            and start_category.model_id = null_share.model_id
            and start_category.corpus_id = null_share.corpus_id
            and start_category.start_percent = null_share.start_percent
            and start_category.category = null_share.category
        left join model on start_category.model_id = model.model_id
    )

select *
from shared

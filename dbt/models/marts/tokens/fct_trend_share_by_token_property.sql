{{
    config(
        order_by=[
            "convention_id",
            "model_id",
            "corpus_id",
            "start_percent",
            "property",
            "property_value",
            "category",
        ],
    )
}}

with
    trend_count as (select * from {{ ref("int_trend_odds_by_token_property") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    -- A category without tokens gets a row with a share of 0.
    property_total as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            property,
            property_value,
            toInt64(sum(trend_count.token_count)) as property_token_count,
            any(trend_count.document_count) as document_count,
            any(trend_count.effective_document_count) as effective_document_count,
            least(
                effective_document_count, any(trend_count.other_effective_document_count)
            ) as contrast_document_count,
            max(trend_count.fit_point_count) as fit_point_count,
            arrayJoin({{ determined_categories() }}) as category
        from trend_count
        group by convention_id, model_id, corpus_id, start_percent, property, property_value
    ),

    cell as (
        select
            property_total.*,
            trend_count.token_count as token_count,
            trend_count.share_logit_variance as share_logit_variance,
            trend_count.log_odds_ratio_variance as log_odds_ratio_variance,
            sum(token_count) over (
                partition by convention_id, model_id, corpus_id, start_percent, property, category
            ) as category_token_count,
            sum(property_token_count) over (
                partition by convention_id, model_id, corpus_id, start_percent, property, category
            ) as total_token_count
        from property_total
        left join
            trend_count using (
                convention_id, model_id, corpus_id, start_percent, property, property_value, category
            )
    ),

    -- The 2 x 2 table counts the tokens with and without this value of the property, in and outside the
    -- category. If a cell is empty, there is no odds ratio: it would be 0 or infinite.
    contingency as (
        select
            *,
            (
                token_count,
                property_token_count - token_count,
                category_token_count - token_count,
                total_token_count - property_token_count - category_token_count + token_count
            ) as cells,
            cells .1 * cells .4 / (cells .2 * cells .3) as ratio,
            least(cells .1, cells .2, cells .3, cells .4) = 0 as has_empty_cell,
            multiIf(
                property_token_count = total_token_count,
                'all tokens have this value',
                category_token_count = 0,
                'no token is in the category',
                category_token_count = total_token_count,
                'all tokens are in the category',
                has_empty_cell,
                'a cell of the 2 x 2 table is empty',
                contrast_document_count < {{ var("bootstrap_least_documents") }},
                'fewer than {{ var("bootstrap_least_documents") }} effective documents: no interval',
                ''
            ) as odds_ratio_caveat
        from cell
    ),

    -- Intervals are symmetric in the logit of the share and in the logarithm of the odds ratio. Their errors
    -- are those over documents (dbt/macros/document_sandwich.sql).
    bounded as (
        select
            *,
            token_count / property_token_count as share,
            if(
                effective_document_count >= {{ var("bootstrap_least_documents") }},
                {{ student_t_quantile("(effective_document_count - 1)") }} * sqrt(share_logit_variance),
                null
            ) as logit_half_width,
            if(
                odds_ratio_caveat = '',
                {{ student_t_quantile("(contrast_document_count - 1)") }} * sqrt(log_odds_ratio_variance),
                null
            ) as log_half_width
        from contingency
    ),

    shared as (
        select
            bounded.convention_id as convention_id,
            model.suite_id as suite_id,
            bounded.model_id as model_id,
            model.parameter_count as parameter_count,
            bounded.corpus_id as corpus_id,
            bounded.start_percent as start_percent,
            toLowCardinality(property) as property,
            toLowCardinality(property_value) as property_value,
            toLowCardinality(category) as category,
            fit_point_count,
            toBool(fit_point_count < 5) as has_few_points,
            token_count,
            property_token_count,
            document_count,
            effective_document_count,
            share as token_share,
            {{ logit_bound("share", "logit_half_width", "lower") }} as token_share_lower,
            {{ logit_bound("share", "logit_half_width", "upper") }} as token_share_upper,
            if(has_empty_cell, null, ratio) as odds_ratio,
            ratio * exp(- log_half_width) as odds_ratio_lower,
            ratio * exp(log_half_width) as odds_ratio_upper,
            toLowCardinality(odds_ratio_caveat) as odds_ratio_caveat
        from bounded
        left join model on bounded.model_id = model.model_id
    )

select *
from shared

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
    trend_count as (select * from {{ ref("int_trend_count_by_token_property") }}),

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
            arrayJoin({{ var("trend_categories") }}) as category
        from trend_count
        group by convention_id, model_id, corpus_id, start_percent, property, property_value
    ),

    cell as (
        select
            property_total.*,
            trend_count.token_count as token_count,
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
    -- category. If a cell is empty, half a token is added to each cell (Haldane and Anscombe).
    contingency as (
        select
            *,
            (
                token_count,
                property_token_count - token_count,
                category_token_count - token_count,
                total_token_count - property_token_count - category_token_count + token_count
            ) as cells,
            if(least(cells .1, cells .2, cells .3, cells .4) = 0, 0.5, 0.) as continuity,
            (cells .1 + continuity)
            * (cells .4 + continuity)
            / ((cells .2 + continuity) * (cells .3 + continuity)) as ratio,
            -- Woolf's interval is exp(ln(odds ratio) +- z sqrt(sum of 1 / cell)), where z is the 97.5% point
            -- of the normal distribution.
            1.959963984540054 * sqrt(
                1 / (cells .1 + continuity)
                + 1 / (cells .2 + continuity)
                + 1 / (cells .3 + continuity)
                + 1 / (cells .4 + continuity)
            ) as half_width,
            property_token_count < total_token_count as has_contrast
        from cell
    ),

    shared as (
        select
            contingency.convention_id as convention_id,
            model.suite_id as suite_id,
            contingency.model_id as model_id,
            model.parameter_count as parameter_count,
            contingency.corpus_id as corpus_id,
            contingency.start_percent as start_percent,
            toLowCardinality(property) as property,
            toLowCardinality(property_value) as property_value,
            toLowCardinality(category) as category,
            token_count,
            property_token_count,
            token_count / property_token_count as token_share,
            if(has_contrast, ratio, null) as odds_ratio,
            if(has_contrast, ratio * exp(- half_width), null) as odds_ratio_lower,
            if(has_contrast, ratio * exp(half_width), null) as odds_ratio_upper
        from contingency
        left join model on contingency.model_id = model.model_id
    )

select *
from shared

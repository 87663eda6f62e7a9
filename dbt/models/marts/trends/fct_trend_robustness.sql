{{
    config(
        order_by=["model_id", "corpus_id", "start_percent", "category", "robust_category"],
    )
}}

with
    robust_count as (select * from {{ ref("int_trend_robust_count") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    start_total as (
        select
            model_id,
            corpus_id,
            start_percent,
            sum(token_count) as start_token_count,
            sumIf(token_count, category = robust_category) / start_token_count as agreement_share
        from robust_count
        group by model_id, corpus_id, start_percent
    ),

    -- A pair of categories without tokens gets a row with a share of 0.
    cell as (
        select *, category, arrayJoin({{ determined_categories() }}) as robust_category
        from start_total
        array join {{ determined_categories() }} as category
    ),

    shared as (
        select
            model.suite_id as suite_id,
            cell.model_id as model_id,
            model.parameter_count as parameter_count,
            cell.corpus_id as corpus_id,
            cell.start_percent as start_percent,
            toLowCardinality(cell.category) as category,
            toLowCardinality(cell.robust_category) as robust_category,
            robust_count.token_count as token_count,
            robust_count.token_count / start_token_count as token_share,
            agreement_share
        from cell
        left join
            robust_count
            on cell.model_id = robust_count.model_id
            and cell.corpus_id = robust_count.corpus_id
            and cell.start_percent = robust_count.start_percent
            and cell.category = robust_count.category
            and cell.robust_category = robust_count.robust_category
        left join model on cell.model_id = model.model_id
    )

select *
from shared

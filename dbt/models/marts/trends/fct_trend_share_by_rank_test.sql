{{ config(order_by=["model_id", "corpus_id", "start_percent", "test", "category"]) }}

with
    rank_count as (select * from {{ ref("int_trend_rank_count") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    start_total as (
        select model_id, corpus_id, start_percent, test, sum(token_count) as sampled_token_count
        from rank_count
        group by model_id, corpus_id, start_percent, test
    ),

    -- A category without tokens gets a row with a share of 0.
    cell as (select *, arrayJoin({{ determined_categories() }}) as category from start_total),

    shared as (
        select
            model.suite_id as suite_id,
            cell.model_id as model_id,
            model.parameter_count as parameter_count,
            cell.corpus_id as corpus_id,
            cell.start_percent as start_percent,
            cell.test as test,
            toLowCardinality(cell.category) as category,
            rank_count.token_count as token_count,
            rank_count.token_count / sampled_token_count as token_share
        from cell
        left join
            rank_count
            on cell.model_id = rank_count.model_id
            and cell.corpus_id = rank_count.corpus_id
            and cell.start_percent = rank_count.start_percent
            and cell.test = rank_count.test
            and cell.category = rank_count.category
        left join model on cell.model_id = model.model_id
    )

select *
from shared

-- A returned row is a checkpoint whose number of scores in `int_token_series` differs from the number in the
-- ledger. Either the rows of `int_token_series` are out of date, or rows were lost or duplicated.
with
    series_count as (
        select model_id, corpus_id, step, count() as series_score_count
        from {{ ref("int_token_series") }}
        array join steps as step
        group by model_id, corpus_id, step
    ),

    score_ledger as (
        select model_id, corpus_id, step, score_count
        from {{ ref("stg_scoring__score_ledger") }}
        where is_current
    )

select *
from score_ledger
full outer join series_count using (model_id, corpus_id, step)
where score_count != series_score_count

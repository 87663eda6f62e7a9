-- A combination of convention, model, corpus and start of the trend fit is returned if its shares of tokens
-- in the trend categories do not sum to 1, or if it does not have four categories.
select
    convention_id,
    model_id,
    corpus_id,
    start_percent,
    sum(token_share) as share_sum,
    count() as category_count
from {{ ref("fct_trend_share_by_start") }}
group by convention_id, model_id, corpus_id, start_percent
having abs(share_sum - 1) > 1e-9 or category_count != 4

-- A returned row is a model and corpus with series whose steps do not ascend, or whose steps and
-- log-probabilities differ in number.
select model_id, corpus_id, count() as broken_count
from {{ ref("int_token_series") }}
where length(steps) != length(log_prob_nats) or arraySort(arrayDistinct(steps)) != steps
group by model_id, corpus_id

-- A returned row is a model and corpus with broken series. A series is broken if its steps do not ascend, or
-- if it has more or fewer steps than log-probabilities.
select model_id, corpus_id, count() as broken_count
from {{ ref("int_token_series") }}
where length(steps) != length(log_prob_nats) or arraySort(arrayDistinct(steps)) != steps
group by model_id, corpus_id

-- A returned row is a model and corpus in which a token has more than one series.
select model_id, corpus_id, count() as series_count, uniqExact(document_id, position) as token_count
from {{ ref("int_token_series") }}
group by model_id, corpus_id
having series_count != token_count

{{ config(materialized="view") }}

select model_id, corpus_id, series_fingerprint
from {{ ref("int_series_fingerprint") }}
where is_sequence_corpus

{{ config(order_by=["model_id", "corpus_id"]) }}

select distinct model_id, corpus_id, trend_fingerprint
from {{ ref("int_trend_design") }}

{{ config(materialized="view") }}

with
    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    model as (select model_id, suite_id from {{ ref("stg_registry__model") }}),

    counted as (
        select suite_id, corpus_id, toInt64(uniqExact(tokenizer_id)) as tokenizer_count
        from series
        inner join model on series.model_id = model.model_id
        group by suite_id, corpus_id
    )

select *
from counted

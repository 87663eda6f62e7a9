{{ config(order_by=["model_id", "corpus_id"]) }}

with
    trend_fingerprint as (select * from {{ ref("int_trend_fingerprint") }}),

    series_fingerprint as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    token_fingerprint as (select * from {{ ref("int_token_fingerprint") }}),

    paired as (
        select
            trend_fingerprint.model_id as model_id,
            trend_fingerprint.corpus_id as corpus_id,
            series_fingerprint.tokenizer_id as tokenizer_id,
            cityHash64(
                trend_fingerprint.trend_fingerprint, token_fingerprint.token_fingerprint
            ) as property_fingerprint
        from trend_fingerprint
        inner join
            series_fingerprint
            on trend_fingerprint.model_id = series_fingerprint.model_id
            and trend_fingerprint.corpus_id = series_fingerprint.corpus_id
        inner join
            token_fingerprint
            on series_fingerprint.tokenizer_id = token_fingerprint.tokenizer_id
            and series_fingerprint.corpus_id = token_fingerprint.corpus_id
    )

select *
from paired

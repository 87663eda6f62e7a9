{{ config(order_by=["set_model_id", "model_id", "corpus_id"]) }}

with
    trend_fingerprint as (select * from {{ ref("int_trend_fingerprint") }}),

    series_fingerprint as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    trend as (
        select
            trend_fingerprint.model_id as model_id,
            trend_fingerprint.corpus_id as corpus_id,
            trend_fingerprint.trend_fingerprint as trend_fingerprint,
            series_fingerprint.tokenizer_id as tokenizer_id
        from trend_fingerprint
        inner join series_fingerprint using (model_id, corpus_id)
    ),

    -- Two models form only one pair, because the overlap of their token sets does not depend on the order of
    -- the models.
    paired as (
        select
            set_trend.model_id as set_model_id,
            trend.model_id as model_id,
            trend.corpus_id as corpus_id,
            cityHash64(set_trend.trend_fingerprint, trend.trend_fingerprint) as pair_fingerprint
        from trend as set_trend
        inner join
            trend on set_trend.corpus_id = trend.corpus_id and set_trend.tokenizer_id = trend.tokenizer_id
        where set_model_id < model_id
    )

select *
from paired

{{ config(order_by=["set_model_id", "model_id", "corpus_id"]) }}

with
    trend_fingerprint as (select * from {{ ref("int_trend_fingerprint") }}),

    series_fingerprint as (
        select model_id, corpus_id, tokenizer_id, series_fingerprint from {{ ref("int_series_fingerprint") }}
    ),

    -- Only models with the same tokenizer are paired, because a position holds different tokens under
    -- different tokenizers.
    paired as (
        select
            set_series.model_id as set_model_id,
            series.model_id as model_id,
            series.corpus_id as corpus_id,
            cityHash64(trend_fingerprint.trend_fingerprint, series.series_fingerprint) as pair_fingerprint
        from series_fingerprint as set_series
        inner join
            series_fingerprint as series
            on set_series.corpus_id = series.corpus_id
            and set_series.tokenizer_id = series.tokenizer_id
        inner join
            trend_fingerprint
            on set_series.model_id = trend_fingerprint.model_id
            and set_series.corpus_id = trend_fingerprint.corpus_id
    )

select *
from paired

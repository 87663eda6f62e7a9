{{ config(order_by=["suite_id", "corpus_id", "predictor_id", "model_id", "category", "step"]) }}

with
    bridge as (select * from {{ ref("int_phase_trend_bridge") }}),

    predictor as (
        select
            corpus_id,
            tokenizer_id,
            predictor_id,
            any(predictor.ngram_order) as ngram_order,
            any(predictor.predictor_source) as predictor_source,
            any(predictor.provider) as provider,
            any(predictor.smoothing) as smoothing
        from {{ ref("int_phase_predictor") }} as predictor
        where unit = 'token'
        group by corpus_id, tokenizer_id, predictor_id
    ),

    model as (select * from {{ ref("int_phase_model") }} where not is_published),

    described as (
        select
            model.suite_id as suite_id,
            bridge.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            step,
            bridge.corpus_id as corpus_id,
            toUInt8({{ var("phase_trend_start_percent") }}) as start_percent,
            category,
            bridge.predictor_id as predictor_id,
            predictor.ngram_order as ngram_order,
            predictor.predictor_source as predictor_source,
            predictor.provider as provider,
            predictor.smoothing as smoothing,
            token_count,
            mean_log_prob_nats,
            mean_ngram_log_prob_nats,
            mean_log_prob_nats - mean_ngram_log_prob_nats as mean_gain_nats,
            pearson,
            {{ fisher_bound("pearson", "token_count", "lower") }} as pearson_low,
            {{ fisher_bound("pearson", "token_count", "upper") }} as pearson_high,
            toString(reason_for_null) as reason_for_null
        from bridge
        inner join model on bridge.model_id = model.model_id
        inner join
            predictor
            on bridge.corpus_id = predictor.corpus_id
            and bridge.tokenizer_id = predictor.tokenizer_id
            and bridge.predictor_id = predictor.predictor_id
    )

select *
from described

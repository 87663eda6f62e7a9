-- Is what a model forgets what n-grams predict? The answer gives, for the tokens of each trend
-- category and at each checkpoint, the mean log-probability under the n-gram model and the checkpoint,
-- and the correlation of the two. Forgotten tokens are those of the category upward, whose perplexity
-- rises.
-- parameter suite_id String = miniature-parallel: suite to show
-- parameter ngram_order UInt8 = 5: order of the n-grams
-- parameter model_id String = : model to show; empty is every one
select
    corpus_id,
    predictor_id,
    model_id,
    start_percent,
    category,
    step,
    token_count,
    mean_ngram_log_prob_nats,
    mean_log_prob_nats,
    mean_gain_nats,
    pearson,
    pearson_low,
    pearson_high,
    reason_for_null
from fct_phase_trend_bridge
where
    suite_id = {suite_id:String}
    and ngram_order = {ngram_order:UInt8}
    and ({model_id:String} = '' or model_id = {model_id:String})
order by corpus_id, predictor_id, parameter_count, model_id, category, step

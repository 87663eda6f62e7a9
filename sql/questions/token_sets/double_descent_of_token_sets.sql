-- At which steps does the perplexity of a token set first rise and then fall again under each model of a
-- suite? The set holds the tokens that are in one trend category under one model, called the set model. A
-- double descent is a rise by at least minimum_rise_nats and a later fall below the minimum before the rise.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend category of the sets
select
    set_model_id,
    model_id,
    minimum_step,
    minimum_perplexity,
    peak_step,
    peak_perplexity,
    later_minimum_perplexity,
    rise_nats,
    fall_nats,
    peak_validation_perplexity,
    minimum_rise_nats,
    is_double_descent
from fct_double_descent
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and start_percent = {start_percent:UInt8}
    and category = {category:String}
order by set_model_id, parameter_count

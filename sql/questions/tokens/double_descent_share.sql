-- Percentage of tokens whose loss has a double descent under each model. In a double descent, the loss rises
-- above an earlier minimum by at least a threshold, and then falls below this minimum. The answer gives the
-- percentage for several thresholds.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select
    model_id,
    minimum_rise_nats,
    token_count,
    100 * rise_share as rise_percent,
    100 * double_descent_share as double_descent_percent,
    peak_validation_perplexity
from fct_token_double_descent_share
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by parameter_count, minimum_rise_nats

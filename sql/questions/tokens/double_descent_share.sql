-- Percentage of tokens whose loss has a double descent under each model, with its 95% interval over
-- documents, beside the percentage that chance alone makes. In a double descent, the loss rises above an
-- earlier minimum by at least a threshold, and then falls below this minimum. The latter (null_percent)
-- is found after permuting the noise of the tokens around a curve that never rises.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select
    model_id,
    minimum_rise_nats,
    token_count,
    100 * rise_share as rise_percent,
    100 * double_descent_share as double_descent_percent,
    100 * double_descent_share_lower as double_descent_percent_lower,
    100 * double_descent_share_upper as double_descent_percent_upper,
    100 * null_share as null_percent,
    100 * excess_share as excess_percent,
    peak_validation_perplexity
from fct_token_double_descent_share
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by parameter_count, minimum_rise_nats

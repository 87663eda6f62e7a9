-- How much do the trend categories of tokens depend on fitting by least squares? The answer gives the
-- percentage of tokens by their category under least squares and by their category under the Mann-Kendall
-- test.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
select
    model_id,
    category,
    robust_category,
    token_count,
    100 * token_share as token_percent,
    100 * agreement_share as agreement_percent
from fct_trend_robustness
where
    suite_id = {suite_id:String} and corpus_id = {corpus_id:String} and start_percent = {start_percent:UInt8}
order by parameter_count, model_id, category, robust_category

-- How much do the shares of tokens in the trend categories depend on the convention by which trends are
-- estimated? The answer gives the share of each category under every convention, beside its share under the
-- default convention, and what it chooses in another way. Several conventions differ in a single choice.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
select
    model_id,
    category,
    convention_id,
    varied_choice,
    100 * token_share as token_percent,
    100 * default_token_share as default_token_percent,
    token_share_ratio
from fct_trend_sensitivity
where
    suite_id = {suite_id:String} and corpus_id = {corpus_id:String} and start_percent = {start_percent:UInt8}
order by parameter_count, category, varied_choice != 'none', position(varied_choice, ',') > 0, convention_id

-- Has a larger model learned all tokens that a smaller model has learned? For every two models of a suite,
-- the answer gives the overlap of the sets of tokens that are in one trend category under each model. By
-- default, the category is stagnated, because the loss of a learned token stagnates.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = stagnated: trend category of the sets
select
    set_model_id as smaller_model_id,
    model_id as larger_model_id,
    set_token_count as smaller_token_count,
    model_token_count as larger_token_count,
    shared_token_count,
    jaccard_ratio,
    100 * contained_share as contained_percent,
    100 * expected_share as expected_percent
from fct_token_set_overlap
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and start_percent = {start_percent:UInt8}
    and category = {category:String}
    and (set_parameter_count, set_model_id) < (parameter_count, model_id)
order by set_parameter_count, parameter_count, smaller_model_id, larger_model_id

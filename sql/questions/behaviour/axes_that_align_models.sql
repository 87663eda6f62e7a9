-- On which horizontal axis (parameters, tokens seen, training FLOPs or validation perplexity) do the models
-- of a suite have the same loss on a token set? For every axis, the answer gives the share of the loss's
-- variance that lies between models with nearly the same value on the axis, lowest share first. A low share
-- means that the models agree.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter category String = upward: trend category of the sets
select set_model_id, start_percent, axis, collapse_score, unexplained_share, model_count, compared_point_count
from fct_collapse_score
where
    startsWith(set_model_id, concat({suite_id:String}, '/'))
    and corpus_id = {corpus_id:String}
    and measure = 'token set loss'
    and category = {category:String}
    and start_percent in (10, 20)
order by set_model_id, start_percent, collapse_score is null, collapse_score

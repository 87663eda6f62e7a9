-- On which horizontal axis (parameters, tokens seen, training FLOPs or validation perplexity) do the models
-- of a suite have the same loss on a token set? For every axis, a smooth curve is fitted to all models where
-- they overlap: the answer gives the error in nats of predicting a model from the curve of the others
-- (smallest first), the share of the loss's variance that the curve leaves unexplained, the part of this
-- share that a constant for each model explains (collapse_score), and its p-value from permuting the models.
-- A high p-value means that the models do not differ on this axis.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter category String = upward: trend category of the sets
select
    set_model_id,
    start_percent,
    axis,
    left_out_error as left_out_error_nats,
    unexplained_share,
    collapse_score,
    collapse_p_value,
    compared_model_count,
    compared_point_count
from fct_collapse_score
where
    startsWith(set_model_id, concat({suite_id:String}, '/'))
    and corpus_id = {corpus_id:String}
    and measure = 'token set loss'
    and category = {category:String}
    and start_percent in (10, 20)
order by set_model_id, start_percent, left_out_error is null, left_out_error

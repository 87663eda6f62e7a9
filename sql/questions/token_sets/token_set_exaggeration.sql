-- By how much do token sets exaggerate their trend, because they are chosen and measured on the same
-- noise? The answer gives the rise of each set's loss from the start of the trend to the end of training,
-- in nats, on the checkpoints by which its tokens were chosen and on those that had no part in the
-- choice.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend category of the sets
select
    set_model_id,
    selection,
    model_id,
    token_count,
    chosen_point_count,
    held_out_point_count,
    chosen_rise_nats,
    held_out_rise_nats,
    exaggeration_nats
from fct_token_set_exaggeration
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and start_percent = {start_percent:UInt8}
    and category = {category:String}
order by set_model_id, selection, parameter_count, model_id

-- Which two models agree most about words after the same number of steps? The answer gives Pearson's
-- correlation of their log-probabilities of the same words, highest first, and how the two runs
-- differ.
-- parameter suite_id String = miniature-parallel: suite to show
-- parameter step Int64 = -1: step to show; -1 is every one
select
    corpus_id,
    step,
    model_id as first_model_id,
    other_model_id as second_model_id,
    relation,
    pearson,
    pearson_low,
    pearson_high,
    word_count,
    reason_for_null
from fct_checkpoint_agreement
where
    suite_id = {suite_id:String}
    and other_suite_id = {suite_id:String}
    and step = other_step
    and model_id < other_model_id
    and ({step:Int64} < 0 or step = {step:Int64})
order by corpus_id, step, ifNull(pearson, -2) desc, first_model_id, second_model_id

-- How much of the variance of a model's log-probabilities do word frequency, 5-grams and similarity to
-- the context explain at each checkpoint? The answer gives R-squared on training and validation words,
-- and the part of it that each of the three owns. The parts add up to R-squared and are not known for
-- published models.
-- parameter suite_id String = miniature-parallel: suite to show, such as phases-published
-- parameter model_id String = : model to show; empty is every one
select
    corpus_id,
    regression_id,
    model_id,
    step,
    r_squared_train,
    r_squared_validation,
    unigram_share,
    fivegram_share,
    similarity_share,
    unigram_coefficient,
    fivegram_coefficient,
    similarity_coefficient,
    training_count,
    validation_count,
    reason_for_null
from fct_phase_regression_by_checkpoint
where suite_id = {suite_id:String} and ({model_id:String} = '' or model_id = {model_id:String})
order by corpus_id, regression_id, parameter_count, model_id, step

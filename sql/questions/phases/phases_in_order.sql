-- Do the correlations with n-grams peak in the order of n? The verdict needs 95% of the replicates of
-- a bootstrap over documents. For published models, of which no words are known, it needs peaks
-- further apart than a tolerance.
-- parameter suite_id String = miniature-parallel: suite to show, such as phases-published
-- parameter predictor_source String = : corpus of the n-grams; empty is every one
select
    corpus_id,
    unit,
    predictor_source,
    smoothing,
    provider,
    model_id,
    arrayStringConcat(peak_steps, ' ') as peak_steps_by_order,
    verdict,
    verdict_basis,
    in_order_share,
    out_of_order_share,
    reason_for_no_verdict
from fct_phase_order
where
    suite_id = {suite_id:String}
    and ({predictor_source:String} = '' or predictor_source = {predictor_source:String})
order by corpus_id, unit, predictor_source, smoothing, provider, parameter_count, model_id

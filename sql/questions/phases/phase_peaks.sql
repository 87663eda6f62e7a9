-- At which step does the correlation of a model with n-grams begin and peak, for each order n? The
-- answer gives both steps with 95% intervals of a bootstrap over documents, which published models
-- lack. The onset is the first checkpoint that has come half the way from the first correlation to the
-- greatest.
-- parameter suite_id String = miniature-parallel: suite to show, such as phases-published
-- parameter predictor_source String = : corpus of the n-grams; empty is every one
select
    corpus_id,
    unit,
    predictor_source,
    smoothing,
    provider,
    model_id,
    ngram_order,
    onset_step,
    onset_step_low,
    onset_step_high,
    peak_step,
    peak_step_low,
    peak_step_high,
    peak_correlation
from fct_phase_peak
where
    suite_id = {suite_id:String}
    and ({predictor_source:String} = '' or predictor_source = {predictor_source:String})
order by corpus_id, unit, predictor_source, smoothing, provider, parameter_count, model_id, ngram_order

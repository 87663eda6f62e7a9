-- How much do the phases vary between seeds? The answer gives the mean over runs that differ in their
-- seed alone of a correlation or R-squared, with its 95% interval.
-- parameter suite_id String = miniature-parallel: suite to show, such as phases-published
-- parameter measure String = pearson: pearson, spearman, r_squared_train or r_squared_validation
-- parameter ngram_order UInt8 = 5: order of the n-grams; 0 is similarities and regressions
select
    corpus_id,
    unit,
    subject_id,
    architecture,
    parameter_count,
    step,
    seed_count,
    mean_value,
    standard_deviation,
    mean_low,
    mean_high,
    reason_for_null
from fct_phase_seed_mean
where suite_id = {suite_id:String} and measure = {measure:String} and ngram_order = {ngram_order:UInt8}
order by corpus_id, unit, subject_id, architecture, parameter_count, step

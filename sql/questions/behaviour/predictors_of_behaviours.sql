-- Which axis (parameters, tokens seen, training FLOPs or validation perplexity) predicts each measure of
-- behaviour best? The answer gives the rank correlation with every axis, within models and between them,
-- its lead for perplexity over FLOPs (perplexity_advantage), and how much the measure differs between
-- models at equal validation perplexity. Intervals are 95% intervals of a jackknife over models
-- (interval_note says why there is none), the range over resampled models is not a confidence interval,
-- and FLOPs count attention (PaLM) unless the column says 6N.
-- parameter suite_id String = opt-published: suite to show; opt-published for the published models
-- parameter measure String = : measure, for example task accuracy or token set loss; empty is all
with
    alignment as (
        select *, axis = 'validation perplexity' as is_perplexity, axis = 'training FLOPs (PaLM)' as is_flops
        from fct_behaviour_alignment
        where suite_id = {suite_id:String} and {measure:String} in ('', measure)
    )

select
    measure,
    subject,
    variant,
    corpus_id,
    argMax(toString(axis), abs(ifNull(spearman_correlation, 0))) as best_axis,
    anyIf(spearman_correlation, is_perplexity) as spearman_with_perplexity,
    anyIf(spearman_lower, is_perplexity) as perplexity_lower,
    anyIf(spearman_upper, is_perplexity) as perplexity_upper,
    anyIf(spearman_resampled_lower, is_perplexity) as perplexity_resampled_lower,
    anyIf(spearman_resampled_upper, is_perplexity) as perplexity_resampled_upper,
    anyIf(within_model_spearman, is_perplexity) as within_models,
    anyIf(between_model_spearman, is_perplexity) as between_models,
    anyIf(spearman_correlation, is_flops) as spearman_with_flops_palm,
    anyIf(spearman_correlation, axis = 'training FLOPs (6N)') as spearman_with_flops_6n,
    anyIf(perplexity_advantage, is_flops) as perplexity_advantage,
    anyIf(perplexity_advantage_lower, is_flops) as advantage_lower,
    anyIf(perplexity_advantage_upper, is_flops) as advantage_upper,
    anyIf(spearman_correlation, axis = 'tokens seen') as spearman_with_tokens,
    anyIf(spearman_correlation, axis = 'parameters') as spearman_with_parameters,
    anyIf(collapse_score, is_perplexity) as collapse_on_perplexity,
    anyIf(collapse_score, is_flops) as collapse_on_flops,
    max(equal_perplexity_deviation) as deviation_at_equal_perplexity,
    max(equal_perplexity_size_slope) as size_slope_at_equal_perplexity,
    max(model_count) as model_count,
    max(point_count) as checkpoint_count,
    anyIf(interval_note, is_perplexity) as interval_note
from alignment
group by measure, subject, variant, corpus_id
order by abs(ifNull(spearman_with_perplexity, 0)) desc, measure, subject, variant

-- Which axis (parameters, tokens seen, training FLOPs or validation perplexity) predicts each measure of
-- behaviour best? The answer gives the best axis, the rank correlation of the measure with every axis, and
-- how much the measure differs between models at equal validation perplexity.
-- parameter suite_id String = opt-published: suite to show; opt-published for the published models
-- parameter measure String = : measure, for example task accuracy or token set loss; empty is all
with
    alignment as (
        select *
        from fct_behaviour_alignment
        where suite_id = {suite_id:String} and {measure:String} in ('', measure)
    )

select
    measure,
    subject,
    variant,
    corpus_id,
    argMax(toString(axis), abs(ifNull(spearman_correlation, 0))) as best_axis,
    anyIf(spearman_correlation, axis = 'validation perplexity') as spearman_with_perplexity,
    anyIf(spearman_correlation, axis = 'training FLOPs') as spearman_with_flops,
    anyIf(spearman_correlation, axis = 'tokens seen') as spearman_with_tokens,
    anyIf(spearman_correlation, axis = 'parameters') as spearman_with_parameters,
    anyIf(collapse_score, axis = 'validation perplexity') as collapse_on_perplexity,
    anyIf(collapse_score, axis = 'training FLOPs') as collapse_on_flops,
    max(equal_perplexity_deviation) as deviation_at_equal_perplexity,
    max(equal_perplexity_size_slope) as size_slope_at_equal_perplexity,
    max(point_count) as checkpoint_count
from alignment
group by measure, subject, variant, corpus_id
order by abs(ifNull(spearman_with_perplexity, 0)) desc, measure, subject, variant

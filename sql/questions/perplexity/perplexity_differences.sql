-- How much do the perplexities of two checkpoints differ, and is it more than the choice of documents
-- explains? The answer compares every checkpoint with a reference: the last checkpoints of two models,
-- two models at the same step, or a checkpoint and the one before it. The 95% interval of the ratio of
-- the perplexities is that of a bootstrap over documents; where it contains 1, the difference is not
-- significant.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter comparison String = last checkpoints: last checkpoints, same step or previous checkpoint
-- parameter model_id String = : model to show; empty is every model
select
    model_id,
    step,
    reference_model_id,
    reference_step,
    perplexity,
    reference_perplexity,
    perplexity_ratio,
    perplexity_ratio_lower,
    perplexity_ratio_upper,
    bits_per_byte_difference,
    bits_per_byte_difference_lower,
    bits_per_byte_difference_upper,
    multiIf(
        perplexity_ratio is null,
        'different tokens are scored: compare bits per byte',
        perplexity_ratio_lower is null,
        'too few documents for an interval',
        perplexity_ratio_lower > 1 or perplexity_ratio_upper < 1,
        'significant',
        'not significant'
    ) as verdict
from fct_perplexity_difference
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and comparison = {comparison:String}
    and ({model_id:String} = '' or model_id = {model_id:String})
order by parameter_count, model_id, step, reference_model_id

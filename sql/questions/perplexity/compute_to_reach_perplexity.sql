-- How much compute does each model need to reach a given validation perplexity? The answer gives the first
-- checkpoint of each model at or below this perplexity.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter perplexity Float64 = 0: perplexity to reach; 0 is the lowest one that all models reach
with
    validation as (
        select *, min(perplexity) over (partition by model_id) as lowest_perplexity
        from fct_comparable_validation_perplexity
        where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
    ),

    target as (
        select if({perplexity:Float64} > 0, {perplexity:Float64}, max(lowest_perplexity)) as target_perplexity
        from validation
    )

select
    model_id,
    any(target.target_perplexity) as perplexity_to_reach,
    argMin(validation.perplexity, step) as perplexity_reached,
    min(validation.step) as first_step,
    argMin(tokens_seen, validation.step) as first_tokens_seen,
    argMin(train_flops_palm, validation.step) as first_train_flops_palm
from validation
cross join target
where validation.perplexity <= target_perplexity
group by model_id
order by any(parameter_count)

-- Is a model ahead of others at equal compute? The answer divides its perplexity at the largest
-- training FLOPs that both models have by that of the other model, so below 1 the model is ahead.
-- The interval is a 95% interval over documents, and models that were scored on other tokens are
-- not compared.
-- parameter suite_id String = miniature: suite of the model
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter reference_suite_id String = : suite of the other models; empty is the same suite
with
    chosen as (
        select
            if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id,
            if({reference_suite_id:String} = '', suite_id, {reference_suite_id:String}) as reference_suite_id
        from dim_suite
        where suite_id = {suite_id:String}
    )

select
    model_id,
    reference_model_id,
    equal_eflops * 1e18 as equal_train_flops,
    perplexity_at_equal_flops,
    reference_perplexity_at_equal_flops,
    perplexity_ratio,
    perplexity_ratio_lower,
    perplexity_ratio_upper
from fct_model_comparison
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and (model_id, reference_suite_id) in (select model_id, reference_suite_id from chosen)
    and perplexity_ratio is not null
order by reference_parameter_count desc, reference_model_id

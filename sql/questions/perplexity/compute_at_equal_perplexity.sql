-- How much compute does a model need to be as good as others? The answer divides the training FLOPs
-- with which the model first reaches the lowest perplexity that both have reached by those of the
-- other model. The interval is a 95% interval over documents, and models that were scored on other
-- tokens are not compared.
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

select model_id, reference_model_id, equal_perplexity, flops_ratio, flops_ratio_lower, flops_ratio_upper
from fct_model_comparison
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and (model_id, reference_suite_id) in (select model_id, reference_suite_id from chosen)
    and flops_ratio is not null
order by reference_parameter_count desc, reference_model_id

-- Validation perplexity by fraction of training, for a suite and for the published OPT models. The answer
-- also gives the logarithm of each perplexity divided by the perplexity at the same model's last checkpoint.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter published_suite_id String = opt-published: published suite to show
with
    shown as (
        select suite_id, model_id, parameter_count, fraction_of_training, train_flops_palm, perplexity
        from fct_comparable_validation_perplexity
        where
            (suite_id = {suite_id:String} and corpus_id = {corpus_id:String})
            or (suite_id = {published_suite_id:String} and is_published)
    )

select
    suite_id,
    model_id,
    fraction_of_training,
    train_flops_palm,
    perplexity,
    log(perplexity / argMax(perplexity, fraction_of_training) over (partition by model_id)) as above_end_nats
from shown
order by suite_id = {published_suite_id:String}, parameter_count, fraction_of_training

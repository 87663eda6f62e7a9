-- Perplexity of one token set under every model, beside the interval that holds the perplexities of 95% of
-- all token sets of the same size. The token set holds the tokens that one model, the set model, puts in one
-- trend category.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : set model; empty is the largest of the suite
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend category of the set
with
    chosen as (
        select set_model_id
        from fct_comparable_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and model_id = set_model_id
            and {model_id:String} in ('', set_model_id)
        order by parameter_count desc, set_model_id
        limit 1
    )

select
    set_model_id,
    model_id,
    step,
    train_flops_palm,
    validation_perplexity,
    token_count,
    perplexity,
    random_perplexity_lower,
    random_perplexity_upper
from fct_comparable_token_set_trajectory
where
    suite_id = {suite_id:String}
    and set_model_id in (select set_model_id from chosen)
    and corpus_id = {corpus_id:String}
    and start_percent = {start_percent:UInt8}
    and category = {category:String}
order by parameter_count, step

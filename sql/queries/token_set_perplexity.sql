-- Perplexity of the tokens that follow one trend under one model, in every model, beside random sets of the
-- same size.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model the set is chosen by; empty is the largest of the suite
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend of the tokens of the set
with
    chosen as (
        select model_id
        from dim_model
        where suite_id = {suite_id:String} and {model_id:String} in ('', model_id)
        order by parameter_count desc, model_id
        limit 1
    ),

    token_set as (
        select *, toUInt8(greatest(1, round(100 * token_share))) as set_percent
        from fct_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and set_model_id in (select model_id from chosen)
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
            and category = {category:String}
    ),

    random_set as (
        select
            model_id,
            step,
            set_percent,
            perplexity as random_perplexity,
            perplexity_lower as random_perplexity_lower,
            perplexity_upper as random_perplexity_upper
        from fct_random_token_set_trajectory
        where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
    )

select
    set_model_id,
    model_id,
    step,
    train_flops_palm,
    validation_perplexity,
    token_count,
    perplexity,
    random_perplexity,
    random_perplexity_lower,
    random_perplexity_upper
from token_set
left join random_set using (model_id, step, set_percent)
order by parameter_count, step

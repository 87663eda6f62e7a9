-- Perplexity of a token set under every model, for a suite and for the published OPT models. The set holds
-- the tokens that are in one trend category under one model, called the set model. The published token sets
-- have the categories stagnated and upward.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : set model; empty is the smallest of the suite
-- parameter start_percent UInt8 = 20: start of the trend in percent of training
-- parameter category String = upward: trend category of the set; upward and stagnated are published
-- parameter published_suite_id String = opt-published: published suite to show
with
    chosen as (
        select if({model_id:String} = '', smallest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    ),

    shown as (
        select
            suite_id,
            set_model_id,
            model_id,
            parameter_count,
            step,
            train_flops_palm,
            validation_perplexity,
            perplexity
        from fct_token_set_trajectory
        where
            set_model_id in (select model_id from chosen)
            and suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
            and category = {category:String}
        union all
        select
            suite_id,
            set_model_id,
            model_id,
            parameter_count,
            step,
            train_flops_palm,
            validation_perplexity,
            perplexity
        from fct_published_token_set_trajectory
        where suite_id = {published_suite_id:String} and category = {category:String}
    )

select suite_id, set_model_id, model_id, step, train_flops_palm, validation_perplexity, perplexity
from shown
order by suite_id = {published_suite_id:String}, parameter_count, step

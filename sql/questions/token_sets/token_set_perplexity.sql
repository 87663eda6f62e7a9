-- Perplexity of one token set under every model, beside the 95% interval of random token sets. The token set
-- holds the tokens that one model, the set model, puts in one trend category. Random token sets exist for
-- whole
-- percents of the corpus; the nearest percent is taken, and the distance of each bound from the corpus
-- perplexity, in ln PPL, is multiplied by the square root of (random set size / token set size).
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
    ),

    token_set as (
        select
            *,
            toUInt8(greatest(1, round(100 * coalesce(token_share, 0)))) as set_percent,
            sqrt(set_percent / (100 * token_share)) as width_ratio
        from fct_comparable_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and set_model_id in (select set_model_id from chosen)
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
            and category = {category:String}
    ),

    random_set as (
        select
            model_id,
            step,
            set_percent,
            toNullable(perplexity) as random_perplexity,
            validation_perplexity as corpus_perplexity,
            toNullable(perplexity_lower) as percent_perplexity_lower,
            toNullable(perplexity_upper) as percent_perplexity_upper
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
    corpus_perplexity
    * pow(percent_perplexity_lower / corpus_perplexity, width_ratio) as random_perplexity_lower,
    corpus_perplexity
    * pow(percent_perplexity_upper / corpus_perplexity, width_ratio) as random_perplexity_upper
from token_set
left join random_set using (model_id, step, set_percent)
order by parameter_count, step

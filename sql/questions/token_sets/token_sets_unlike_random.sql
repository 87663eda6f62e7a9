-- Which token sets have another perplexity than random token sets of the same size? The answer gives the
-- perplexity of each token set under the last checkpoint of each model, with the 95% interval of random token
-- sets of the nearest whole percent of the corpus. To adjust the interval to the size of the token set, the
-- distance of each bound from the corpus perplexity, in ln PPL, is multiplied by the square root of (random
-- set size / token set size).
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
with
    last_point as (
        select
            set_model_id,
            category,
            model_id,
            parameter_count,
            step,
            token_count,
            perplexity,
            toUInt8(greatest(1, round(100 * token_share))) as set_percent,
            sqrt(set_percent / (100 * token_share)) as width_ratio
        from fct_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
        order by step desc
        limit 1 by set_model_id, category, model_id
    ),

    random_set as (
        select
            model_id,
            step,
            set_percent,
            validation_perplexity as corpus_perplexity,
            perplexity_lower,
            perplexity_upper
        from fct_random_token_set_trajectory
        where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
    )

select
    set_model_id,
    category,
    model_id,
    token_count,
    perplexity,
    corpus_perplexity * pow(perplexity_lower / corpus_perplexity, width_ratio) as random_perplexity_lower,
    corpus_perplexity * pow(perplexity_upper / corpus_perplexity, width_ratio) as random_perplexity_upper,
    multiIf(
        perplexity < random_perplexity_lower, 'below', perplexity > random_perplexity_upper, 'above', 'within'
    ) as against_random
from last_point
inner join random_set using (model_id, step, set_percent)
order by set_model_id, category, parameter_count

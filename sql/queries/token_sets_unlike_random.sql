-- Which token sets differ from random ones: perplexity under the last checkpoint beside the 95% interval of
-- random sets of the same size.
-- remarks fct_trend_remark
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
            toUInt8(greatest(1, round(100 * token_share))) as set_percent
        from fct_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
        order by step desc
        limit 1 by set_model_id, category, model_id
    ),

    random_set as (
        select model_id, step, set_percent, perplexity_lower, perplexity_upper
        from fct_random_token_set_trajectory
        where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
    )

select
    set_model_id,
    category,
    model_id,
    token_count,
    perplexity,
    perplexity_lower as random_perplexity_lower,
    perplexity_upper as random_perplexity_upper,
    multiIf(
        perplexity < perplexity_lower, 'below', perplexity > perplexity_upper, 'above', 'within'
    ) as against_random
from last_point
inner join random_set using (model_id, step, set_percent)
order by set_model_id, category, parameter_count

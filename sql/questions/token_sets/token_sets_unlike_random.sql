-- Which token sets have another perplexity than random token sets of the same size? The answer gives the
-- perplexity of each token set under the last checkpoint of each model, and the interval that holds the
-- perplexities of 95% of all token sets with as many tokens, drawn from the corpus without replacement.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
with
    last_point as (
        select *
        from fct_token_set_trajectory
        where
            suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
        order by step desc
        limit 1 by set_model_id, category, model_id
    )

select
    set_model_id,
    category,
    model_id,
    token_count,
    perplexity,
    random_perplexity_lower,
    random_perplexity_upper,
    -- a set of all tokens has an interval of width 0, which rounding must not leave
    multiIf(
        perplexity < random_perplexity_lower * (1 - 1e-9),
        'below',
        perplexity > random_perplexity_upper * (1 + 1e-9),
        'above',
        'within'
    ) as against_random
from last_point
order by set_model_id, category, parameter_count

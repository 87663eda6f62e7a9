-- Do models with the same validation perplexity also have the same perplexity on a token set, whatever their
-- size? For each level of validation perplexity, the answer gives the lowest and the highest perplexity of
-- the token set among the models.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend category of the set
with
    aligned as (
        select *
        from fct_equal_perplexity_alignment
        where
            suite_id = {suite_id:String}
            and corpus_id = {corpus_id:String}
            and measure = 'token set loss'
            and start_percent = {start_percent:UInt8}
            and category = {category:String}
    )

select
    set_model_id,
    perplexity_level as validation_perplexity,
    uniqExact(model_id) as model_count,
    min(exp(measure_value)) as lowest_perplexity,
    max(exp(measure_value)) as highest_perplexity,
    max(measure_value) - min(measure_value) as spread_nats,
    argMin(model_id, measure_value) as lowest_model_id
from aligned
group by set_model_id, perplexity_level
having model_count > 1
order by set_model_id, perplexity_level desc

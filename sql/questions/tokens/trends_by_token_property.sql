-- Which kinds of tokens are in which trend category? The answer gives the share of each category and its odds
-- ratio, by word class or another property of the tokens. Intervals are 95% intervals that respect that the
-- tokens of a document are not independent.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter property String = word class: property: word class, word part, position or frequency
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    )

select
    category,
    property_value,
    token_count,
    100 * token_share as token_percent,
    100 * token_share_lower as token_percent_lower,
    100 * token_share_upper as token_percent_upper,
    odds_ratio,
    odds_ratio_lower,
    odds_ratio_upper,
    arrayStringConcat(
        arrayFilter(
            caveat -> notEmpty(caveat), [odds_ratio_caveat, if(has_few_points, 'few checkpoints', '')]
        ),
        ', '
    ) as caveat
from fct_trend_share_by_token_property
where
    model_id in (select model_id from chosen)
    and corpus_id = {corpus_id:String}
    and convention_id = {convention_id:String}
    and start_percent = {start_percent:UInt8}
    and property = {property:String}
order by category, odds_ratio desc, property_value

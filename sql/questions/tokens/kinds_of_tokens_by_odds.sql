-- Which kinds of tokens are most likely to be in a trend category? A kind is one value of a token
-- property, for example one word class. The answer gives the odds ratio of every kind under every model,
-- highest first, with its 95% interval over documents.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter category String = upward: trend category
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter minimum_token_count UInt32 = 50: leave out kinds with fewer tokens
select
    model_id,
    property,
    property_value,
    property_token_count,
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
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and start_percent = {start_percent:UInt8}
    and category = {category:String}
    and convention_id = {convention_id:String}
    and property_token_count >= {minimum_token_count:UInt32}
    and odds_ratio is not null
order by parameter_count, odds_ratio desc, property, property_value

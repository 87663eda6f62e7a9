-- Percentage of tokens in each trend category, such as rising, falling or stagnating perplexity. A trend
-- is fitted from a start, for example from 10% of training, to the last checkpoint, of which at least
-- three must follow the start. The answer gives the percentages for each start, with their 95% interval
-- over documents, and the mean percentage that is found after the checkpoints are permuted.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
select
    model_id,
    category,
    start_percent,
    100 * token_share as token_percent,
    100 * share_lower as percent_lower,
    100 * share_upper as percent_upper,
    100 * null_share as percent_after_permutation,
    has_few_points
from fct_comparable_trend_share
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and convention_id in ({convention_id:String}, 'published')
order by parameter_count, category, start_percent

-- Percentage of tokens in each trend category, for a suite and for the published OPT models. A trend is
-- fitted from a start, for example from 10% of training, to the last checkpoint. The answer gives the
-- percentages for each start.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter published_suite_id String = opt-published: published suite to show
with
    shown as (
        select suite_id, model_id, parameter_count, category, start_percent, token_share
        from fct_comparable_trend_share
        where
            (
                suite_id = {suite_id:String}
                and corpus_id = {corpus_id:String}
                and convention_id in ({convention_id:String}, 'published')
            )
            or (suite_id = {published_suite_id:String} and is_published)
    )

select suite_id, model_id, category, start_percent, 100 * token_share as token_percent
from shown
order by suite_id = {published_suite_id:String}, parameter_count, category, start_percent

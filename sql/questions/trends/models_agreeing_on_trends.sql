-- How far do two models agree on the trends of tokens? The answer gives the percentage of tokens in each pair
-- of trend categories, for every two models of a suite.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
with
    agreement as (
        select *, sum(token_count) over (partition by set_model_id, model_id) as total_count
        from int_trend_agreement
        where
            startsWith(set_model_id, concat({suite_id:String}, '/'))
            and startsWith(model_id, concat({suite_id:String}, '/'))
            and corpus_id = {corpus_id:String}
            and start_percent = {start_percent:UInt8}
            and set_category != 'undetermined'
            and category != 'undetermined'
    )

select
    set_model_id as first_model_id,
    model_id as second_model_id,
    set_category as first_category,
    category as second_category,
    token_count,
    100 * token_count / total_count as token_percent
from agreement
order by first_model_id, second_model_id, token_count desc, first_category, second_category

-- Which documents does a model forget most? The answer gives the percentage of each document's tokens in each
-- trend category.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter minimum_token_count UInt32 = 50: leave out documents with fewer tokens
-- parameter limit UInt32 = 20: maximum number of rows
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    ),

    counted as (
        select
            document_id,
            count() as token_count,
            100 * countIf(category = 'upward') / token_count as upward_percent,
            100 * countIf(category = 'downward') / token_count as downward_percent,
            100 * countIf(category = 'stagnated') / token_count as stagnated_percent
        from int_token_trend_by_start
        where
            model_id in (select model_id from chosen)
            and corpus_id = {corpus_id:String}
            and convention_id = {convention_id:String}
            and start_percent = {start_percent:UInt8}
            and category != 'undetermined'
        group by document_id
        having token_count >= {minimum_token_count:UInt32}
    )

select document_id, document_name, token_count, upward_percent, downward_percent, stagnated_percent
from counted
inner join (select * from dim_document where corpus_id = {corpus_id:String}) as document using (document_id)
order by upward_percent desc, document_id
limit {limit:UInt32}

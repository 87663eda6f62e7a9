-- Which documents have the largest share of tokens with a double descent?
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter minimum_rise_nats Float64 = 0.5: smallest rise that counts, in nats
-- parameter minimum_token_count UInt32 = 50: leave out documents with fewer tokens
-- parameter limit UInt32 = 20: maximum number of rows
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    ),

    descended as (
        select
            document_id,
            count() as token_count,
            100
            * countIf(falls_below_minimum and rise_nats >= {minimum_rise_nats:Float64})
            / token_count as double_descent_percent
        from int_token_double_descent
        where model_id in (select model_id from chosen) and corpus_id = {corpus_id:String}
        group by document_id
        having token_count >= {minimum_token_count:UInt32}
    )

select document_id, document_name, token_count, double_descent_percent
from descended
inner join (select * from dim_document where corpus_id = {corpus_id:String}) as document using (document_id)
order by double_descent_percent desc, document_id
limit {limit:UInt32}

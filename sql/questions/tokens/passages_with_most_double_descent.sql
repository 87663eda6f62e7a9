-- Documents with the largest share of tokens whose loss rises and later falls below its earlier minimum.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter minimum_rise_nats Float64 = 0.5: least rise that counts, in nats
-- parameter minimum_token_count UInt32 = 50: documents with fewer tokens are left out
-- parameter limit UInt32 = 20: rows to show
with
    chosen as (
        select model_id
        from dim_model
        where suite_id = {suite_id:String} and {model_id:String} in ('', model_id)
        order by parameter_count desc, model_id
        limit 1
    ),

    counted as (
        select
            document_id,
            count() as token_count,
            100
            * countIf(is_double_descent and rise_nats >= {minimum_rise_nats:Float64})
            / token_count as double_descent_percent
        from int_token_double_descent
        where model_id in (select model_id from chosen) and corpus_id = {corpus_id:String}
        group by document_id
        having token_count >= {minimum_token_count:UInt32}
    )

select document_id, document_name, token_count, double_descent_percent
from counted
inner join (select * from dim_document where corpus_id = {corpus_id:String}) as document using (document_id)
order by double_descent_percent desc, document_id
limit {limit:UInt32}

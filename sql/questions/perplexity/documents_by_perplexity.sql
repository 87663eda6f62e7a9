-- Which documents are hard: perplexity under the last checkpoint of the smallest and the largest model of a
-- suite.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter limit UInt32 = 20: rows to show
with
    suite_model as (
        select
            argMin(model_id, (parameter_count, model_id)) as small_model_id,
            argMax(model_id, (parameter_count, model_id)) as large_model_id
        from dim_model
        where suite_id = {suite_id:String}
    ),

    last_score as (
        select model_id, document_id, toFloat64(log_prob_nats[-1]) as score_nats
        from int_token_series
        where
            model_id in (select arrayJoin([small_model_id, large_model_id]) from suite_model)
            and corpus_id = {corpus_id:String}
            and not is_prompt
    ),

    measured as (
        select
            document_id,
            countIf(model_id = (select large_model_id from suite_model)) as token_count,
            exp(- avgIf(score_nats, model_id = (select small_model_id from suite_model))) as small_perplexity,
            exp(- avgIf(score_nats, model_id = (select large_model_id from suite_model))) as large_perplexity
        from last_score
        group by document_id
    )

select
    document_id,
    document_name,
    token_count,
    small_perplexity,
    large_perplexity,
    small_perplexity / large_perplexity as gain_ratio
from measured
inner join (select * from dim_document where corpus_id = {corpus_id:String}) as document using (document_id)
order by large_perplexity desc, document_id
limit {limit:UInt32}

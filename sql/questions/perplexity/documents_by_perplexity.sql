-- Which documents are hardest? The answer gives the perplexity of each document under the last checkpoints of
-- the smallest and the largest model of a suite.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter limit UInt32 = 20: maximum number of rows
with
    suite as (select smallest_model_id, largest_model_id from dim_suite where suite_id = {suite_id:String}),

    last_score as (
        select model_id, document_id, toFloat64(log_prob_nats[-1]) as score_nats
        from int_token_series
        where
            model_id in (select arrayJoin([smallest_model_id, largest_model_id]) from suite)
            and corpus_id = {corpus_id:String}
            and not is_prompt
    ),

    measured as (
        select
            document_id,
            countIf(model_id = (select largest_model_id from suite)) as token_count,
            exp(- avgIf(score_nats, model_id = (select smallest_model_id from suite))) as small_perplexity,
            exp(- avgIf(score_nats, model_id = (select largest_model_id from suite))) as large_perplexity
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

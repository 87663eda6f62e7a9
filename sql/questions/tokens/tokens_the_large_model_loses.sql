-- Which tokens does the smallest model of a suite predict better than the largest? The answer orders tokens
-- by the difference between their losses under the last checkpoints of the two models.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter limit UInt32 = 20: maximum number of rows
with
    suite as (select smallest_model_id, largest_model_id from dim_suite where suite_id = {suite_id:String}),

    last_score as (
        select model_id, document_id, position, - toFloat64(log_prob_nats[-1]) as loss_nats
        from int_token_series
        where
            model_id in (select arrayJoin([smallest_model_id, largest_model_id]) from suite)
            and corpus_id = {corpus_id:String}
            and not is_prompt
    ),

    found as (
        select
            document_id,
            position,
            exp(anyIf(loss_nats, model_id = (select smallest_model_id from suite))) as small_perplexity,
            exp(anyIf(loss_nats, model_id = (select largest_model_id from suite))) as large_perplexity,
            log(large_perplexity / small_perplexity) as difference_nats
        from last_score
        group by document_id, position
        having uniqExact(model_id) = 2
        order by difference_nats desc, document_id, position
        limit {limit:UInt32}
    )

select document_id, position, text_before, token_text, small_perplexity, large_perplexity, difference_nats
from found
inner join dim_token_context as context using (document_id, position)
where
    context.corpus_id = {corpus_id:String}
    and context.document_id in (select document_id from found)
    and context.tokenizer_id
    in (select tokenizer_id from dim_model where model_id in (select largest_model_id from suite))
order by difference_nats desc, document_id, position

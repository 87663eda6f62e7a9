-- Tokens that the smallest model of a suite knows at its end and the largest does not: inverse scaling,
-- token by token.
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
        select model_id, document_id, position, - toFloat64(log_prob_nats[-1]) as loss_nats
        from int_token_series
        where
            model_id in (select arrayJoin([small_model_id, large_model_id]) from suite_model)
            and corpus_id = {corpus_id:String}
            and not is_prompt
    ),

    found as (
        select
            document_id,
            position,
            exp(anyIf(loss_nats, model_id = (select small_model_id from suite_model))) as small_perplexity,
            exp(anyIf(loss_nats, model_id = (select large_model_id from suite_model))) as large_perplexity,
            log(large_perplexity / small_perplexity) as difference_nats
        from last_score
        group by document_id, position
        having uniqExact(model_id) = 2
        order by difference_nats desc, document_id, position
        limit {limit:UInt32}
    ),

    context as (
        select document_id, position, text_before, token_text
        from dim_token_context
        where
            corpus_id = {corpus_id:String}
            and document_id in (select document_id from found)
            and tokenizer_id in (
                select tokenizer_id
                from dim_model
                where model_id in (select arrayJoin([small_model_id, large_model_id]) from suite_model)
            )
    )

select document_id, position, text_before, token_text, small_perplexity, large_perplexity, difference_nats
from found
inner join context using (document_id, position)
order by difference_nats desc, document_id, position

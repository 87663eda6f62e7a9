-- Which tokens does a model forget most? The answer lists the tokens whose perplexity rises significantly,
-- largest rise first.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter limit UInt32 = 20: maximum number of rows
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    ),

    forgotten as (
        select document_id, position, start_step, slope, p_value
        from int_token_trend_by_start
        where
            model_id in (select model_id from chosen)
            and corpus_id = {corpus_id:String}
            and convention_id = {convention_id:String}
            and start_percent = {start_percent:UInt8}
            and category = 'upward'
    ),

    token_series as (
        select document_id, position, steps, log_prob_nats
        from int_token_series
        where model_id in (select model_id from chosen) and corpus_id = {corpus_id:String}
    ),

    found as (
        select
            document_id,
            position,
            exp(- log_prob_nats[indexOf(steps, start_step)]) as perplexity_at_start,
            exp(- log_prob_nats[-1]) as perplexity_at_end,
            log(perplexity_at_end / perplexity_at_start) as rise_nats,
            p_value
        from forgotten
        inner join token_series using (document_id, position)
        order by rise_nats desc, document_id, position
        limit {limit:UInt32}
    )

select
    document_id,
    position,
    text_before,
    token_text,
    text_after,
    perplexity_at_start,
    perplexity_at_end,
    rise_nats,
    p_value
from found
inner join dim_token_context as context using (document_id, position)
where
    context.corpus_id = {corpus_id:String}
    and context.document_id in (select document_id from found)
    and context.tokenizer_id
    in (select tokenizer_id from dim_model where model_id in (select model_id from chosen))
order by rise_nats desc, document_id, position

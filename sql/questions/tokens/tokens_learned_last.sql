-- Which tokens does a model learn last? The answer gives the first step from which the perplexity of each
-- token stays at or below a bound, latest step first.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter perplexity_bound Float64 = 10: largest perplexity of a token that counts as learned
-- parameter limit UInt32 = 20: maximum number of rows
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    ),

    -- learned_at is the index of the first checkpoint from which the perplexity of the token stays at or
    -- below the bound.
    learned as (
        select
            document_id,
            position,
            steps,
            log_prob_nats,
            arrayLastIndex(score -> exp(- score) > {perplexity_bound:Float64}, log_prob_nats)
            + 1 as learned_at
        from int_token_series
        where model_id in (select model_id from chosen) and corpus_id = {corpus_id:String} and not is_prompt
    ),

    found as (
        select
            document_id,
            position,
            steps[learned_at] as learned_step,
            exp(- log_prob_nats[learned_at - 1]) as perplexity_before,
            exp(- log_prob_nats[-1]) as perplexity_at_end
        from learned
        where learned_at between 2 and length(steps)
        order by learned_step desc, perplexity_before / perplexity_at_end desc, document_id, position
        limit {limit:UInt32}
    )

select document_id, position, text_before, token_text, learned_step, perplexity_before, perplexity_at_end
from found
inner join dim_token_context as context using (document_id, position)
where
    context.corpus_id = {corpus_id:String}
    and context.document_id in (select document_id from found)
    and context.tokenizer_id
    in (select tokenizer_id from dim_model where model_id in (select model_id from chosen))
order by learned_step desc, perplexity_before / perplexity_at_end desc, document_id, position

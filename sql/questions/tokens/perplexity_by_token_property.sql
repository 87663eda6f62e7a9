-- On which kinds of tokens do larger models improve? The answer gives the perplexity under the last
-- checkpoint of each model, by word class or another property of the tokens.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter property String = word class: property: word class, word part, position or frequency
with
    last_score as (
        select
            model.model_id as model_id,
            any(parameter_count) as parameter_count,
            multiIf(
                {property:String} = 'word class',
                word_class,
                {property:String} = 'word part',
                word_part,
                {property:String} = 'position',
                position_bucket,
                frequency_bucket
            ) as property_value,
            count() as token_count,
            exp(- avg(toFloat64(log_prob_nats[-1]))) as perplexity
        from int_token_series as token_series
        inner join dim_model as model on token_series.model_id = model.model_id
        inner join
            dim_token
            on model.tokenizer_id = dim_token.tokenizer_id
            and token_series.corpus_id = dim_token.corpus_id
            and token_series.document_id = dim_token.document_id
            and token_series.position = dim_token.position
        where
            model.suite_id = {suite_id:String}
            and token_series.corpus_id = {corpus_id:String}
            and not is_prompt
            and token_series.model_id in (select model_id from dim_model where suite_id = {suite_id:String})
        group by model_id, property_value
    )

select property_value, model_id, token_count, perplexity
from last_score
order by property_value, parameter_count

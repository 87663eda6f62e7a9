-- At which tokens of the generated texts do the two generating checkpoints part? The answer gives the
-- tokens with the largest difference of their log-probabilities, and the text before them. It is positive
-- where the small model finds the token more probable.
-- parameter decoding_name String = ps-pl: configuration to show
-- parameter sampling_name String = greedy: how tokens are drawn, such as greedy or nucleus 0.9
-- parameter limit UInt32 = 20: maximum number of rows
with
    token as (
        select *, arrayStringConcat(groupArray(visible_text) over before) as text_before
        from fct_generated_token
        where decoding_name = {decoding_name:String} and sampling_name = {sampling_name:String}
        window
            before as (
                partition by generation_key, prompt_document_id
                order by position
                rows between 12 preceding and 1 preceding
            )
    )

select
    text_before,
    visible_text as token_text,
    log_prob_ratio_nats,
    small_log_prob_nats,
    large_log_prob_nats,
    is_fallback,
    position,
    prompt_document_id,
    left(generation_key, 8) as generation
from token
where not is_prompt
order by abs(log_prob_ratio_nats) desc, generation_name, prompt_document_id, position
limit {limit:UInt32}

-- How far into a generated text do the two generating checkpoints part? The answer gives the mean
-- log-probability of the tokens at each place after the prompt under both, and the mean difference up to
-- there. It is positive where the small model finds the texts more probable.
-- parameter decoding_name String = ps-pl: configuration to show
-- parameter sampling_name String = greedy: how tokens are drawn, such as greedy or nucleus 0.9
with
    token as (
        select
            generation_name,
            position - min(position) over (partition by generation_key, prompt_document_id) + 1 as place,
            small_log_prob_nats,
            large_log_prob_nats,
            log_prob_ratio_nats,
            is_fallback
        from fct_generated_token
        where
            decoding_name = {decoding_name:String}
            and sampling_name = {sampling_name:String}
            and not is_prompt
    ),

    averaged as (
        select
            generation_name,
            place,
            count() as text_count,
            avg(small_log_prob_nats) as mean_small_log_prob_nats,
            avg(large_log_prob_nats) as mean_large_log_prob_nats,
            avg(log_prob_ratio_nats) as mean_log_prob_ratio_nats,
            avg(is_fallback) as fallback_ratio
        from token
        group by generation_name, place
    )

select
    *,
    sum(mean_log_prob_ratio_nats * text_count) over so_far
    / sum(text_count) over so_far as mean_log_prob_ratio_so_far_nats
from averaged
window so_far as (partition by generation_name order by place)
order by generation_name, place

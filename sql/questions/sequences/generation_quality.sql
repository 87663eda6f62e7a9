-- How varied and how close to human texts are the generated texts of each configuration? The answer gives
-- the shares of different n-grams, the share of repeated 4-grams within a text, and the share of tokens for
-- which no probability mass was left. MAUVE and self-BLEU are null until they are computed.
-- parameter decoding_name String = : configuration to show, such as ps-pl; empty is every one
select
    decoding_name,
    sampling_name,
    prompt_token_count,
    new_token_count,
    text_count,
    distinct_1_ratio,
    distinct_2_ratio,
    distinct_3_ratio,
    distinct_4_ratio,
    repeated_4_ratio,
    fallback_ratio,
    mean_small_log_prob_nats,
    mean_large_log_prob_nats,
    mauve,
    self_bleu,
    left(generation_key, 8) as generation
from fct_generation_quality
where {decoding_name:String} = '' or decoding_name = {decoding_name:String}
order by decoding_name, sampling_name, new_token_count, generation_name

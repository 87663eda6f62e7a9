-- How does the perplexity on generated texts depend on model size, for each configuration? The answer gives
-- the last scored checkpoint of every model with a 95% interval over prompts. Models with another tokenizer
-- than the generating models are compared in bits per byte only.
-- parameter suite_id String = miniature: suite that reads the texts
-- parameter decoding_name String = : configuration to show, such as ps-pl; empty is every one
select
    decoding_name,
    sampling_name,
    prompt_token_count,
    new_token_count,
    model_id,
    perplexity,
    perplexity_lower,
    perplexity_upper,
    bits_per_byte,
    has_generator_tokenizer,
    left(generation_key, 8) as generation
from fct_generation_perplexity_by_checkpoint
where
    suite_id = {suite_id:String}
    and is_final
    and ({decoding_name:String} = '' or decoding_name = {decoding_name:String})
order by decoding_name, sampling_name, new_token_count, generation_name, parameter_count, model_id

-- When does a model's perplexity on generated texts begin to rise? The answer gives the shape of every
-- model's curve of ln perplexity over training, and where a curve that falls and then rises is lowest. The
-- rise to the last checkpoint has a 95% interval over prompts.
-- parameter suite_id String = miniature: suite that reads the texts
-- parameter decoding_name String = : configuration to show, such as ps-pl; empty is every one
select
    decoding_name,
    sampling_name,
    prompt_token_count,
    new_token_count,
    model_id,
    if(curve_shape is null, reason_for_null, curve_shape) as curve_shape,
    turning_step,
    turning_train_flops_palm,
    lowest_step,
    lowest_perplexity,
    rise_nats,
    rise_lower,
    rise_upper,
    left(generation_key, 8) as generation
from fct_generation_turning_point
where suite_id = {suite_id:String} and ({decoding_name:String} = '' or decoding_name = {decoding_name:String})
order by decoding_name, sampling_name, new_token_count, generation_name, parameter_count, model_id

-- On which generated texts does perplexity rise with model size? The answer gives Spearman's correlation of
-- ln perplexity with ln parameters over the last scored checkpoints of a suite, and its 95% interval over
-- prompts. A verdict of inverse or regular scaling needs an interval that excludes 0.
-- parameter suite_id String = miniature: suite that reads the texts
select
    decoding_name,
    sampling_name,
    prompt_token_count,
    new_token_count,
    model_count,
    prompt_count,
    spearman,
    spearman_lower,
    spearman_upper,
    is_strictly_increasing,
    if(verdict is null, reason_for_null, verdict) as verdict,
    caveat,
    left(generation_key, 8) as generation
from fct_generation_scaling
where suite_id = {suite_id:String}
order by ifNull(spearman, -2) desc, decoding_name, sampling_name, generation_name

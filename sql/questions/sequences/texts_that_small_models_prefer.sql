-- Which generated texts does the smallest model of a suite find more probable than the largest one? The
-- answer gives the texts by the logarithm of the ratio of their perplexities under the last scored
-- checkpoints. It is positive where the smallest model has the lower perplexity.
-- parameter suite_id String = miniature: suite that reads the texts
-- parameter decoding_name String = : configuration to show, such as ps-pl; empty is every one
-- parameter limit UInt32 = 20: maximum number of rows
select
    decoding_name,
    sampling_name,
    prompt_text,
    generated_text,
    smallest_model_perplexity,
    largest_model_perplexity,
    log_perplexity_ratio_nats,
    prompt_document_id,
    left(generation_key, 8) as generation
from fct_generation_example
where suite_id = {suite_id:String} and ({decoding_name:String} = '' or decoding_name = {decoding_name:String})
order by log_perplexity_ratio_nats desc, generation_name, prompt_document_id
limit {limit:UInt32}

-- Which prompts lead to texts whose perplexity rises with model size? The answer gives the texts of a
-- configuration by Spearman's correlation of ln perplexity with ln parameters over the last scored
-- checkpoints of a suite. A single text is short, so that its correlation is uncertain.
-- parameter suite_id String = miniature: suite that reads the texts
-- parameter decoding_name String = ps-pl: configuration to show
-- parameter limit UInt32 = 20: maximum number of rows
select
    prompt_text,
    sampling_name,
    model_count,
    spearman,
    is_strictly_increasing,
    smallest_model_perplexity,
    largest_model_perplexity,
    generated_text,
    prompt_document_id,
    left(generation_key, 8) as generation
from fct_generation_example
where suite_id = {suite_id:String} and decoding_name = {decoding_name:String} and spearman is not null
order by spearman desc, log_perplexity_ratio_nats desc, generation_name, prompt_document_id
limit {limit:UInt32}

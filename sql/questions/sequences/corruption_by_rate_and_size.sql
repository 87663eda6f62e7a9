-- Do larger models have a lower perplexity on corrupted texts, too? The answer gives the perplexity of the
-- last scored checkpoint of every model for each kind and rate of corruption, with a 95% interval over
-- documents. Beside it stand the perplexities of the same documents without corruption and of a model that
-- draws tokens at random.
-- parameter suite_id String = miniature: suite that reads the texts
-- parameter source_corpus_id String = : corpus that was corrupted; empty is every one
select
    source_corpus_id,
    corruption_kind,
    corruption_unit,
    corruption_rate,
    seed,
    model_id,
    perplexity,
    perplexity_lower,
    perplexity_upper,
    unchanged_perplexity,
    random_model_perplexity,
    bits_per_byte,
    document_count
from fct_corruption_perplexity
where
    suite_id = {suite_id:String}
    and is_final
    and ({source_corpus_id:String} = '' or source_corpus_id = {source_corpus_id:String})
order by
    source_corpus_id,
    corruption_kind,
    corruption_unit,
    corruption_rate,
    seed,
    corpus_id,
    parameter_count,
    model_id

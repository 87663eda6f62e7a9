-- Validation perplexity of every checkpoint of a suite, with a 95% interval by a bootstrap over documents. A
-- published perplexity and a corpus of fewer than ten documents have no interval.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select step, model_id, perplexity, perplexity_lower, perplexity_upper, tokens_seen, train_flops_palm
from fct_comparable_validation_perplexity
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by step, parameter_count

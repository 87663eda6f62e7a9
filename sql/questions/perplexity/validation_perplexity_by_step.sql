-- Validation perplexity of every checkpoint of a suite.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select step, model_id, perplexity
from fct_comparable_validation_perplexity
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by step, parameter_count

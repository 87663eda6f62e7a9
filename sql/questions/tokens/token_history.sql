-- Perplexity of one token under every checkpoint of every model of a suite.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter document_id Int32 = 0: document, by its index in the corpus
-- parameter position Int32 = 1: position of the token in the document
select model_id, step, perplexity
from fct_passage_series
array join steps as step, perplexities as perplexity
where
    suite_id = {suite_id:String}
    and corpus_id = {corpus_id:String}
    and document_id = {document_id:Int32}
    and position = {position:Int32}
order by parameter_count, step

-- What should a reader of the trends know about the checkpoints? The answer names models with few
-- checkpoints, with checkpoints that lack scores, or with unfinished runs. The answer is empty if there are
-- no such models.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select model_id, caveat
from fct_trend_caveat
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by parameter_count, model_id, caveat

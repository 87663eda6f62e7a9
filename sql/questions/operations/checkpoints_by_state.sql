-- Is every checkpoint of a suite scored on a corpus? The answer counts the checkpoints of each
-- model by their state and gives the time at which the newest scores were complete.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select
    model_id,
    toInt64(count()) as checkpoint_count,
    toInt64(countIf(pipeline_state = 'in the marts')) as in_marts_count,
    toInt64(countIf(pipeline_state = 'scored')) as not_derived_count,
    toInt64(countIf(pipeline_state in ('waiting', 'interrupted'))) as not_scored_count,
    toInt64(countIf(pipeline_state = 'refused')) as damaged_count,
    toInt64(countIf(pipeline_state = 'other beginning')) as other_beginning_count,
    max(step) as last_step,
    max(scored_at) as last_scored_at
from fct_pipeline_health
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
group by model_id
order by model_id

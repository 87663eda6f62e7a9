-- Which tasks improve suddenly with model size and which steadily? The answer gives the breakthroughness and
-- linearity of every task, most sudden first. Both need four models.
-- caveats fct_task_caveat
-- parameter suite_id String = opt-published: suite to show; opt-published for the published models
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
select
    task_set as task_id,
    shot_count,
    model_count,
    smallest_accuracy_ratio,
    largest_accuracy_ratio,
    improvement_ratio,
    linearity,
    breakthroughness,
    reason_for_null,
    least_fraction_of_training,
    greatest_fraction_of_training
from fct_task_scaling
where suite_id = {suite_id:String} and task_set_kind = 'task' and normalisation = {normalisation:String}
order by breakthroughness is null, breakthroughness desc, task_id

-- When does each model begin to solve a task better than chance? The answer gives the first step from which
-- the 95% interval of the accuracy stays above chance, latest step first.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
with
    series as (
        select
            task_set as task_id,
            model_id,
            any(parameter_count) as size,
            arraySort(
                groupArray(
                    (step, accuracy_lower > chance_accuracy_ratio, fraction_of_training, accuracy_ratio)
                )
            ) as checkpoints,
            arrayLastIndex(checkpoint -> not checkpoint .2, checkpoints) + 1 as first_index
        from fct_task_accuracy_by_checkpoint
        where
            suite_id = {suite_id:String}
            and task_set_kind = 'task'
            and shot_count = {shot_count:Int16}
            and normalisation = {normalisation:String}
        group by task_id, model_id
    )

select
    task_id,
    model_id,
    if(first_index <= length(checkpoints), checkpoints[first_index] .1, null) as first_step,
    if(first_index <= length(checkpoints), checkpoints[first_index] .3, null) as fraction_of_training,
    checkpoints[-1] .4 as last_accuracy_ratio
from series
order by first_step is null, first_step desc, task_id, size

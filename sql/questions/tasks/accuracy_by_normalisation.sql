-- How much does the accuracy of each model's last checkpoint depend on how the log-probabilities of the
-- options are normalised? For a group, the interval is that of the mean over tasks of the kind.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter task_set String = all: task or group of tasks
select
    model_id,
    shot_count,
    normalisation,
    argMax(accuracy_ratio, step) as accuracy_ratio,
    argMax(task_count, step) as task_count,
    argMax(left_out_task_count, step) as left_out_task_count,
    argMax(standard_error, step) as standard_error,
    argMax(tuple(task_standard_error), step) .1 as task_standard_error,
    argMax(coalesce(accuracy_lower_over_tasks, accuracy_lower), step) as accuracy_lower,
    argMax(coalesce(accuracy_upper_over_tasks, accuracy_upper), step) as accuracy_upper,
    argMax(chance_accuracy_ratio, step) as chance_accuracy_ratio,
    argMax(chance_corrected_accuracy, step) as chance_corrected_accuracy
from fct_task_accuracy_by_checkpoint
where suite_id = {suite_id:String} and task_set = {task_set:String}
group by model_id, parameter_count, shot_count, normalisation
order by parameter_count, model_id, shot_count, normalisation

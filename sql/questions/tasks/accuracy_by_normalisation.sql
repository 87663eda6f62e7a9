-- How much does the accuracy of each model's last checkpoint depend on how the log-probabilities of the
-- options are normalised?
-- parameter suite_id String = miniature: suite to show
-- parameter task_set String = all: task or group of tasks
select
    model_id,
    shot_count,
    normalisation,
    argMax(accuracy_ratio, step) as accuracy_ratio,
    argMax(standard_error, step) as standard_error,
    argMax(chance_accuracy_ratio, step) as chance_accuracy_ratio
from fct_task_accuracy_by_checkpoint
where suite_id = {suite_id:String} and task_set = {task_set:String}
group by model_id, parameter_count, shot_count, normalisation
order by parameter_count, model_id, shot_count, normalisation

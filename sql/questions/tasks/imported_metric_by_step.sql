-- Value of a metric at every checkpoint, with its 95% interval, as imported from another evaluation harness.
-- parameter task_id String = lambada_openai: task, by the harness's name for it
-- parameter metric String = acc: metric, by the harness's name for it
-- parameter model_id String = : model to show; empty is every model
select
    model_id,
    task_version,
    shot_count,
    step,
    tokens_seen,
    metric_value,
    metric_value - 1.959963984540054 * standard_error as metric_lower,
    metric_value + 1.959963984540054 * standard_error as metric_upper,
    smoothed_metric_value
from fct_eval_metric_by_checkpoint
where task_id = {task_id:String} and metric = {metric:String} and {model_id:String} in ('', model_id)
order by model_id, task_version, shot_count, step

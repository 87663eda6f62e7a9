-- Does accuracy grow because right options become more likely, or because wrong options become less likely?
-- The answer gives the perplexity of right and of wrong options at every checkpoint.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter task_set String = all: task or group of tasks
-- parameter shot_count Int16 = 2: number of exemplars
select
    model_id,
    step,
    any(task_count) as task_count,
    any(left_out_task_count) as left_out_task_count,
    anyIf(perplexity, is_correct) as correct_option_perplexity,
    anyIf(perplexity, not is_correct) as incorrect_option_perplexity,
    log(incorrect_option_perplexity / correct_option_perplexity) as gap_nats
from fct_option_perplexity_by_checkpoint
where suite_id = {suite_id:String} and task_set = {task_set:String} and shot_count = {shot_count:Int16}
group by model_id, parameter_count, step
order by parameter_count, model_id, step

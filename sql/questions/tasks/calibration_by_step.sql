-- Does the confidence of a model match how often it is right? The answer gives the accuracy, mean confidence
-- and expected calibration error of every checkpoint, and the error of a perfectly calibrated model with as
-- many choices: its mean and its 95% point.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter task_set String = all: task or group of tasks
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
select
    model_id,
    step,
    choice_count,
    accuracy_ratio,
    mean_confidence_ratio,
    calibration_error_ratio,
    calibrated_error_ratio,
    calibrated_error_95_percent_point,
    excess_calibration_error_ratio
from fct_task_calibration_by_checkpoint
where
    suite_id = {suite_id:String}
    and task_set = {task_set:String}
    and shot_count = {shot_count:Int16}
    and normalisation = {normalisation:String}
order by model_id, step

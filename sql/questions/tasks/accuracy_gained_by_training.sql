-- How much accuracy did each model gain on each task from its first to its last checkpoint? The answer
-- includes the mid-p-value of McNemar's test, also adjusted for all such tests of the suite.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
select
    task_set,
    first_model_id as model_id,
    seed,
    first_step,
    second_step as last_step,
    item_count,
    first_accuracy_ratio,
    second_accuracy_ratio as last_accuracy_ratio,
    last_accuracy_ratio - first_accuracy_ratio as gained_ratio,
    mid_p_value,
    holm_p_value,
    benjamini_hochberg_p_value
from fct_accuracy_comparison
where
    suite_id = {suite_id:String}
    and comparison = 'first and last checkpoint'
    and shot_count = {shot_count:Int16}
    and normalisation = {normalisation:String}
order by gained_ratio desc, task_set, model_id, seed

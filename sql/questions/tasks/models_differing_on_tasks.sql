-- On which tasks do the last checkpoints of two models at the same progress differ? The answer is McNemar's
-- test on the items that both models were evaluated on, smallest p-value first. The p-values are adjusted for
-- all such tests of the suite.
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter first_model_id String = : smaller model; empty is every pair
-- parameter second_model_id String = : larger model; empty is every pair
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
select
    task_set,
    first_model_id,
    second_model_id,
    seed,
    item_count,
    first_accuracy_ratio,
    second_accuracy_ratio,
    only_first_correct_count,
    only_second_correct_count,
    mid_p_value,
    holm_p_value,
    benjamini_hochberg_p_value,
    is_at_same_progress,
    first_fraction_of_training,
    second_fraction_of_training
from fct_accuracy_comparison
where
    suite_id = {suite_id:String}
    and comparison = 'last checkpoints of two models'
    and {first_model_id:String} in ('', first_model_id)
    and {second_model_id:String} in ('', second_model_id)
    and shot_count = {shot_count:Int16}
    and normalisation = {normalisation:String}
order by mid_p_value, task_set, first_model_id, second_model_id, seed

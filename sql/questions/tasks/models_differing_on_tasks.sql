-- On which tasks do the last checkpoints of two models differ? The answer is McNemar's exact test on the
-- items that both models were evaluated on, smallest p-value first.
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
    p_value,
    least(1, p_value * count() over ()) as bonferroni_p_value
from fct_accuracy_comparison
where
    suite_id = {suite_id:String}
    and comparison = 'last checkpoints of two models'
    and {first_model_id:String} in ('', first_model_id)
    and {second_model_id:String} in ('', second_model_id)
    and shot_count = {shot_count:Int16}
    and normalisation = {normalisation:String}
order by p_value, task_set, first_model_id, second_model_id, seed

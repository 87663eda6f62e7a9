-- On which tasks is the last checkpoint of a model best and worst, compared with choosing at random?
-- caveats fct_task_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    )

select
    task_set as task_id,
    argMax(checkpoint_id, step) as checkpoint_id,
    argMax(item_count, step) as item_count,
    argMax(accuracy_ratio, step) as accuracy_ratio,
    argMax(accuracy_lower, step) as accuracy_lower,
    argMax(accuracy_upper, step) as accuracy_upper,
    argMax(chance_accuracy_ratio, step) as chance_accuracy_ratio,
    accuracy_ratio - chance_accuracy_ratio as above_chance_ratio,
    argMax(chance_corrected_accuracy, step) as chance_corrected_accuracy,
    argMax(expected_score, step) as expected_score,
    argMax(mean_exemplar_count, step) as mean_exemplar_count,
    argMax(shortened_item_ratio, step) as shortened_item_ratio
from fct_task_accuracy_by_checkpoint
where
    task_set_kind = 'task'
    and model_id in (select model_id from chosen)
    and shot_count = {shot_count:Int16}
    and normalisation = {normalisation:String}
group by task_id
order by above_chance_ratio desc, task_id

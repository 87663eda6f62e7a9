-- Which models does a suite have, how large are they, and how far is each trained? The answer
-- describes the last checkpoint of every model that was found.
-- parameter suite_id String = miniature: suite to show
with
    last_checkpoint as (
        select
            model_id,
            count() as checkpoint_count,
            max(step) as last_step,
            argMax(tokens_seen, step) as last_tokens_seen,
            argMax(fraction_of_training, step) as last_fraction_of_training,
            argMax(train_flops_palm, step) as last_train_flops_palm
        from dim_checkpoint
        where suite_id = {suite_id:String}
        group by model_id
    )

select
    model_id,
    architecture,
    model.parameter_count as parameter_count,
    layer_count,
    hidden_size,
    context_length,
    batch_tokens,
    planned_steps,
    checkpoint_count,
    last_step,
    last_tokens_seen,
    last_fraction_of_training,
    last_train_flops_palm
from last_checkpoint
inner join (select * from dim_model where suite_id = {suite_id:String}) as model using (model_id)
order by model.parameter_count, model_id

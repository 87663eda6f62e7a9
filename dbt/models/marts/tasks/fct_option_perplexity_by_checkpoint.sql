{{
    config(
        order_by=["suite_id", "task_set_kind", "task_set", "shot_count", "model_id", "step", "is_correct"],
        query_settings={"join_use_nulls": 1},
    )
}}

with
    option_loss as (select * from {{ ref("int_option_loss") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    described as (
        select
            {{ checkpoint_id("option_loss.model_id", "option_loss.step") }} as checkpoint_id,
            toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
            option_loss.model_id as model_id,
            coalesce(model.parameter_count, 0) as parameter_count,
            option_loss.step as step,
            checkpoint.tokens_seen as tokens_seen,
            checkpoint.fraction_of_training as fraction_of_training,
            checkpoint.train_flops_6n as train_flops_6n,
            checkpoint.train_flops_palm as train_flops_palm,
            task_set_kind,
            task_set,
            shot_count,
            is_correct,
            task_count,
            left_out_task_count,
            option_count,
            token_count,
            - loss_nats as mean_log_prob_nats,
            exp(loss_nats) as perplexity
        from option_loss
        left join
            checkpoint on option_loss.model_id = checkpoint.model_id and option_loss.step = checkpoint.step
        left join model on option_loss.model_id = model.model_id
    )

select *
from described

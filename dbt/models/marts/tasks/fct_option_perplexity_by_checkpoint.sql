{{
    config(
        order_by=["suite_id", "task_set_kind", "task_set", "shot_count", "model_id", "step", "is_correct"],
        query_settings={"join_use_nulls": 1},
    )
}}

with
    option_log_prob as (select * from {{ ref("int_option_log_prob") }}),

    task_set as (select * from {{ ref("int_task_set") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    -- The perplexity is the geometric mean of the perplexities of all tokens of the options. It is not a mean
    -- of one perplexity per option.
    pooled as (
        select
            model_id,
            step,
            task_set_kind,
            task_set.task_set as task_set,
            shot_count,
            is_correct,
            toInt64(uniqExact(task_set.counted_task_id)) as task_count,
            sum(option_log_prob.option_count) as option_count,
            sum(option_log_prob.token_count) as token_count,
            sum(option_log_prob.log_prob_sum_nats) as log_prob_sum_nats
        from option_log_prob
        inner join task_set on option_log_prob.task_id = task_set.task_id
        group by model_id, step, task_set_kind, task_set, shot_count, is_correct
    ),

    described as (
        select
            {{ checkpoint_id("pooled.model_id", "pooled.step") }} as checkpoint_id,
            toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
            pooled.model_id as model_id,
            coalesce(model.parameter_count, 0) as parameter_count,
            pooled.step as step,
            checkpoint.tokens_seen as tokens_seen,
            checkpoint.fraction_of_training as fraction_of_training,
            checkpoint.train_flops_6n as train_flops_6n,
            checkpoint.train_flops_palm as train_flops_palm,
            task_set_kind,
            task_set,
            shot_count,
            is_correct,
            task_count,
            option_count,
            token_count,
            log_prob_sum_nats / token_count as mean_log_prob_nats,
            exp(- mean_log_prob_nats) as perplexity
        from pooled
        left join checkpoint on pooled.model_id = checkpoint.model_id and pooled.step = checkpoint.step
        left join model on pooled.model_id = model.model_id
    )

select *
from described

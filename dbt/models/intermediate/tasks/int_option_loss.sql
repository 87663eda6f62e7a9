{{ config(order_by=["model_id", "task_set_kind", "task_set", "shot_count", "is_correct", "step"]) }}

with
    option_log_prob as (
        select option_log_prob.*, model.suite_id as suite_id
        from {{ ref("int_option_log_prob") }} as option_log_prob
        left join {{ ref("stg_registry__model") }} as model on option_log_prob.model_id = model.model_id
    ),

    balanced_task as (
        select * from {{ ref("int_balanced_task") }} where is_balanced and normalisation = 'none'
    ),

    -- Every token has the same weight. The perplexity is the geometric mean over all tokens of the
    -- options, not a mean of one perplexity per option.
    pooled as (
        select
            model_id,
            step,
            balanced_task.task_set_kind as task_set_kind,
            balanced_task.task_set as task_set,
            shot_count,
            is_correct,
            toInt64(uniqExact(counted_task_id)) as task_count,
            any(balanced_task.left_out_task_count) as left_out_task_count,
            sum(option_log_prob.option_count) as option_count,
            sum(option_log_prob.token_count) as token_count,
            - sum(log_prob_sum_nats) / token_count as loss_nats
        from option_log_prob
        inner join balanced_task using (suite_id, task_id, shot_count)
        group by model_id, step, task_set_kind, task_set, shot_count, is_correct
    )

select *
from pooled

{{
    config(
        materialized="incremental",
        partition_by=["model_id"],
        order_by=["task_id", "shot_count", "step", "is_correct"],
        pre_hook="{{ drop_vanished_pairs(ref('int_evaluation_fingerprint'), 'model_id') }}",
    )
}}

with
    stale_model as (
        {{ select_stale_pairs(ref("int_evaluation_fingerprint"), "evaluation_fingerprint", "model_id") }}
    ),

    task_item as (select task_id, item_id, option_index, is_correct from {{ ref("stg_tasks__task_item") }}),

    -- Scores are summed as decimals because a sum of floats would depend on the order of the rows.
    summed as (
        select
            option_score.model_id as model_id,
            step,
            task_id,
            shot_count,
            is_correct,
            toInt64(count()) as option_count,
            toInt64(sum(option_score.token_count)) as token_count,
            toFloat64(sum(toDecimal64(toFloat64(log_prob_nats), 9))) as log_prob_sum_nats
        from {{ ref("stg_tasks__option_score") }} as option_score
        inner join task_item using (task_id, item_id, option_index)
        where option_score.model_id in (select model_id from stale_model) and option_score.token_count > 0
        group by model_id, step, task_id, shot_count, is_correct
    )

select
    summed.model_id as model_id,
    step,
    task_id,
    shot_count,
    is_correct,
    option_count,
    token_count,
    log_prob_sum_nats,
    evaluation_fingerprint
from summed
inner join stale_model on summed.model_id = stale_model.model_id

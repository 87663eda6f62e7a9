{{
    config(
        order_by=[
            "suite_id",
            "task_id",
            "metric",
            "shot_count",
            "model_id",
            "step",
            "harness",
            "task_version",
        ],
    )
}}

with
    eval_result as (select * from {{ ref("stg_tasks__eval_result") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select * from {{ ref("dim_model") }}),

    smoothed as (
        select
            harness,
            model_id,
            task_id,
            task_version,
            shot_count,
            metric,
            arraySort(groupArray((step, metric_value))) as series,
            arrayJoin(
                arrayZip(
                    arrayMap(point -> point .1, series),
                    {{ exponential_average("arrayMap(point -> point.2, series)") }}
                )
            ) as smoothed_point
        from eval_result
        group by harness, model_id, task_id, task_version, shot_count, metric
    ),

    -- If a checkpoint is not registered, the tokens it has seen are computed as step * batch_tokens.
    described as (
        select
            {{ checkpoint_id("eval_result.model_id", "eval_result.step") }} as checkpoint_id,
            model.suite_id as suite_id,
            eval_result.model_id as model_id,
            model.parameter_count as parameter_count,
            eval_result.step as step,
            toBool(checkpoint.checkpoint_id != '') as is_registered_checkpoint,
            if(
                is_registered_checkpoint,
                checkpoint.tokens_seen,
                if(model.batch_tokens > 0, eval_result.step * model.batch_tokens, null)
            ) as tokens_seen,
            if(model.planned_steps > 0, eval_result.step / model.planned_steps, null) as fraction_of_training,
            if(
                model.parameter_count > 0, toFloat64(tokens_seen) * model.train_flops_per_token_palm, null
            ) as train_flops_palm,
            eval_result.harness as harness,
            eval_result.task_id as task_id,
            eval_result.task_version as task_version,
            eval_result.shot_count as shot_count,
            eval_result.metric as metric,
            metric_value,
            standard_error,
            is_higher_better,
            item_count,
            smoothed.smoothed_point .2 as smoothed_metric_value,
            result_source,
            imported_at
        from eval_result
        inner join
            smoothed
            on eval_result.harness = smoothed.harness
            and eval_result.model_id = smoothed.model_id
            and eval_result.task_id = smoothed.task_id
            and eval_result.task_version = smoothed.task_version
            and eval_result.shot_count = smoothed.shot_count
            and eval_result.metric = smoothed.metric
            and eval_result.step = smoothed.smoothed_point .1
        left join
            checkpoint on eval_result.model_id = checkpoint.model_id and eval_result.step = checkpoint.step
        left join model on eval_result.model_id = model.model_id
    )

select *
from described

{{
    config(
        order_by=["suite_id", "task_set_kind", "task_set", "shot_count", "normalisation", "task_id"],
    )
}}

with
    task_set as (select * from {{ ref("int_task_set") }}),

    model as (select model_id, suite_id from {{ ref("stg_registry__model") }}),

    evaluation as (
        select distinct model_id, step, task_id, shot_count, toString(normalisation) as normalisation
        from {{ ref("int_outcome_count") }}
        union all
        select distinct model_id, step, task_id, shot_count, 'none'
        from {{ ref("int_option_log_prob") }}
    ),

    evaluated as (
        select
            model.suite_id as suite_id,
            evaluation.model_id as model_id,
            step,
            task_set_kind,
            task_set.task_set as task_set,
            counted_task_id,
            evaluation.task_id as task_id,
            shot_count,
            normalisation
        from evaluation
        inner join task_set on evaluation.task_id = task_set.task_id
        left join model on evaluation.model_id = model.model_id
    ),

    compared as (
        select
            suite_id,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            toInt64(uniqExact(model_id, step)) as compared_checkpoint_count
        from evaluated
        group by suite_id, task_set_kind, task_set, shot_count, normalisation
    ),

    counted as (
        select
            suite_id,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            task_id,
            counted_task_id,
            toInt64(count()) as evaluated_checkpoint_count
        from evaluated
        group by suite_id, task_set_kind, task_set, shot_count, normalisation, task_id, counted_task_id
    ),

    balanced as (
        select
            toLowCardinality(suite_id) as suite_id,
            toLowCardinality(task_set_kind) as task_set_kind,
            toLowCardinality(task_set) as task_set,
            shot_count,
            toLowCardinality(normalisation) as normalisation,
            toLowCardinality(task_id) as task_id,
            toLowCardinality(counted_task_id) as counted_task_id,
            evaluated_checkpoint_count,
            compared_checkpoint_count,
            toBool(evaluated_checkpoint_count = compared_checkpoint_count) as is_balanced,
            toInt64(countIf(not is_balanced) over same_set) as left_out_task_count
        from counted
        inner join compared using (suite_id, task_set_kind, task_set, shot_count, normalisation)
        window same_set as (partition by suite_id, task_set_kind, task_set, shot_count, normalisation)
    )

select *
from balanced

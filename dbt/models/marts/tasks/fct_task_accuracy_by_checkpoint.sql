{{
    config(
        query_settings={"join_use_nulls": 1},
        order_by=[
            "suite_id",
            "task_set_kind",
            "task_set",
            "shot_count",
            "normalisation",
            "model_id",
            "step",
        ],
    )
}}

with
    task_accuracy as (select * from {{ ref("int_task_accuracy") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    task as (
        select toString(task_id) as task_set, published_groups
        from {{ ref("dim_task") }}
        union distinct
        select toString(parent_task_id), published_groups
        from {{ ref("dim_task") }}
    ),

    smoothed as (
        select
            model_id,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            arraySort(groupArray((step, accuracy_ratio))) as series,
            arrayJoin(
                arrayZip(
                    arrayMap(point -> point .1, series),
                    {{ exponential_average("arrayMap(point -> point.2, series)") }}
                )
            ) as smoothed_point
        from task_accuracy
        group by model_id, task_set_kind, task_set, shot_count, normalisation
    ),

    described as (
        select
            {{ checkpoint_id("task_accuracy.model_id", "task_accuracy.step") }} as checkpoint_id,
            toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
            task_accuracy.model_id as model_id,
            coalesce(model.parameter_count, 0) as parameter_count,
            task_accuracy.step as step,
            checkpoint.tokens_seen as tokens_seen,
            checkpoint.fraction_of_training as fraction_of_training,
            checkpoint.train_flops_6n as train_flops_6n,
            checkpoint.train_flops_palm as train_flops_palm,
            task_accuracy.task_set_kind as task_set_kind,
            task_accuracy.task_set as task_set,
            coalesce(task.published_groups, '') as published_groups,
            task_accuracy.shot_count as shot_count,
            task_accuracy.normalisation as normalisation,
            task_count,
            left_out_task_count,
            seed_count,
            item_count,
            mean_exemplar_count,
            shortened_item_ratio,
            accuracy_ratio,
            standard_error,
            accuracy_lower,
            accuracy_upper,
            task_standard_error,
            accuracy_lower_over_tasks,
            accuracy_upper_over_tasks,
            chance_accuracy_ratio,
            chance_corrected_accuracy,
            expected_score,
            chance_score,
            smoothed.smoothed_point .2 as smoothed_accuracy_ratio
        from task_accuracy
        inner join
            smoothed
            on task_accuracy.model_id = smoothed.model_id
            and task_accuracy.task_set_kind = smoothed.task_set_kind
            and task_accuracy.task_set = smoothed.task_set
            and task_accuracy.shot_count = smoothed.shot_count
            and task_accuracy.normalisation = smoothed.normalisation
            and task_accuracy.step = smoothed.smoothed_point .1
        left join
            checkpoint
            on task_accuracy.model_id = checkpoint.model_id
            and task_accuracy.step = checkpoint.step
        left join model on task_accuracy.model_id = model.model_id
        left join task on task_accuracy.task_set = task.task_set and task_accuracy.task_set_kind = 'task'
    )

select *
from described

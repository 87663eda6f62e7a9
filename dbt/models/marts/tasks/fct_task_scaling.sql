{{
    config(
        order_by=["suite_id", "task_set_kind", "task_set", "shot_count", "normalisation"],
    )
}}

{%- set least_model_count = 4 %}

with
    own as (
        select
            suite_id,
            model_id,
            parameter_count,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            fraction_of_training,
            task_count,
            left_out_task_count,
            accuracy_ratio
        from {{ ref("fct_task_accuracy_by_checkpoint") }}
    ),

    published as (
        select
            suite_id,
            model_id,
            parameter_count,
            step,
            task_set_kind,
            task_set,
            shot_count,
            'token' as normalisation,
            fraction_of_training,
            null as task_count,
            null as left_out_task_count,
            accuracy_ratio
        from {{ ref("fct_published_task_accuracy") }}
    ),

    last_checkpoint as (
        select
            toString(suite_id) as suite_id,
            toString(model_id) as model_id,
            any(parameter_count) as size,
            toString(task_set_kind) as task_set_kind,
            toString(task_set) as task_set,
            shot_count,
            toString(normalisation) as normalisation,
            argMax(tuple(fraction_of_training), step) .1 as progress,
            any(task_count) as tasks,
            any(left_out_task_count) as left_out_tasks,
            argMax(accuracy_ratio, step) as accuracy
        from
            (
                select *
                from own
                union all
                select *
                from published
            ) as every
        group by suite_id, model_id, task_set_kind, task_set, shot_count, normalisation
    ),

    by_size as (
        select
            suite_id,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            min(progress) as least_progress,
            max(progress) as greatest_progress,
            any(tasks) as task_count,
            any(left_out_tasks) as left_out_task_count,
            arrayMap(entry -> entry .3, arraySort(groupArray((size, model_id, accuracy)))) as accuracies
        from last_checkpoint
        group by suite_id, task_set_kind, task_set, shot_count, normalisation
    ),

    -- Linearity and breakthroughness follow Srivastava et al. 2022 (BIG-bench) and equation 4 of Xia et al.
    -- 2023. The increments of three models are two numbers, whose mean and median are equal.
    improved as (
        select
            *,
            arrayPopFront(arrayDifference(accuracies)) as increments,
            toInt64(indexOf(accuracies, arrayMax(accuracies)))
            - toInt64(indexOf(accuracies, arrayMin(accuracies))) as direction,
            sign(direction) * (arrayMax(accuracies) - arrayMin(accuracies)) as improvement,
            length(accuracies) >= {{ least_model_count }} as has_enough_models,
            if(has_enough_models, sqrt(arrayAvg(z -> z * z, increments)), 0) as mean_increment,
            if(
                has_enough_models,
                sqrt(arrayReduce('quantileExactInclusive(0.5)', arrayMap(z -> z * z, increments))),
                0
            ) as median_increment
        from by_size
    )

select
    toLowCardinality(suite_id) as suite_id,
    toLowCardinality(task_set_kind) as task_set_kind,
    toLowCardinality(task_set) as task_set,
    shot_count,
    toLowCardinality(normalisation) as normalisation,
    toInt64(length(accuracies)) as model_count,
    task_count,
    left_out_task_count,
    least_progress as least_fraction_of_training,
    greatest_progress as greatest_fraction_of_training,
    accuracies[1] as smallest_accuracy_ratio,
    accuracies[-1] as largest_accuracy_ratio,
    if(empty(increments), null, improvement) as improvement_ratio,
    if(mean_increment > 1e-12, improvement / mean_increment, null) as linearity,
    if(median_increment > 1e-12, improvement / median_increment, null) as breakthroughness,
    toLowCardinality(
        multiIf(
            not has_enough_models,
            'fewer than four models',
            mean_increment <= 1e-12,
            'all accuracies are equal',
            median_increment <= 1e-12,
            'half of the increments are zero',
            ''
        )
    ) as reason_for_null
from improved

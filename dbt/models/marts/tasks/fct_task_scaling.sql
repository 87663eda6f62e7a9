{{
    config(
        order_by=["suite_id", "task_set_kind", "task_set", "shot_count", "normalisation"],
    )
}}

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
            arrayMap(entry -> entry .3, arraySort(groupArray((size, model_id, accuracy)))) as accuracies
        from last_checkpoint
        group by suite_id, task_set_kind, task_set, shot_count, normalisation
    ),

    -- Linearity and breakthroughness follow Srivastava et al. 2022 (BIG-bench) and equation 4 of Xia et al.
    -- 2023.
    improved as (
        select
            *,
            arrayPopFront(arrayDifference(accuracies)) as increments,
            toInt64(indexOf(accuracies, arrayMax(accuracies)))
            - toInt64(indexOf(accuracies, arrayMin(accuracies))) as direction,
            sign(direction) * (arrayMax(accuracies) - arrayMin(accuracies)) as improvement,
            if(empty(increments), 0, sqrt(arrayAvg(z -> z * z, increments))) as mean_increment,
            if(
                empty(increments),
                0,
                sqrt(arrayReduce('quantileExactInclusive(0.5)', arrayMap(z -> z * z, increments)))
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
    accuracies[1] as smallest_accuracy_ratio,
    accuracies[-1] as largest_accuracy_ratio,
    if(empty(increments), null, improvement) as improvement_ratio,
    if(mean_increment > 1e-12, improvement / mean_increment, null) as linearity,
    if(median_increment > 1e-12, improvement / median_increment, null) as breakthroughness
from improved

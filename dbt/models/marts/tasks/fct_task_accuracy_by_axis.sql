{{ config(materialized="view") }}

with
    accuracy as (select * from {{ ref("fct_task_accuracy_by_checkpoint") }}),

    -- without a corpus that the checkpoint is scored on there is no perplexity to draw against
    perplexity as (
        select model_id, step, corpus_id, perplexity from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    placed as (
        select
            accuracy.suite_id as suite_id,
            accuracy.model_id as model_id,
            accuracy.parameter_count as parameter_count,
            accuracy.step as step,
            accuracy.tokens_seen as tokens_seen,
            accuracy.train_flops_palm as train_flops_palm,
            ifNull(perplexity.corpus_id, '') as corpus_id,
            nullIf(ifNull(perplexity.perplexity, 0), 0) as validation_perplexity,
            accuracy.task_set_kind as task_set_kind,
            accuracy.task_set as task_set,
            accuracy.shot_count as shot_count,
            accuracy.normalisation as normalisation,
            accuracy.accuracy_ratio as accuracy_ratio,
            accuracy.smoothed_accuracy_ratio as smoothed_accuracy_ratio,
            accuracy.chance_accuracy_ratio as chance_accuracy_ratio
        from accuracy
        left join perplexity on accuracy.model_id = perplexity.model_id and accuracy.step = perplexity.step
    ),

    pointed as ({{ points_on_axes("placed") }}),

    curve as (
        select
            suite_id,
            model_id,
            any(parameter_count) as parameter_count,
            corpus_id,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            axis,
            arraySort(groupArray((axis_value, accuracy_ratio))) as points,
            arraySort(groupArray((axis_value, smoothed_accuracy_ratio))) as smoothed_points,
            arraySort(groupArray((axis_value, chance_accuracy_ratio))) as chance_points
        from pointed
        group by suite_id, model_id, corpus_id, task_set_kind, task_set, shot_count, normalisation, axis
    ),

    -- every place where any model of the suite has a checkpoint
    place as (select distinct suite_id, corpus_id, axis, axis_value from pointed),

    drawn as (
        select
            curve.suite_id as suite_id,
            curve.model_id as model_id,
            curve.parameter_count as parameter_count,
            curve.corpus_id as corpus_id,
            curve.task_set_kind as task_set_kind,
            curve.task_set as task_set,
            curve.shot_count as shot_count,
            curve.normalisation as normalisation,
            {{ interpolate("curve.points", "place.axis_value", is_share=true) }} as drawn_ratio,
            assumeNotNull(drawn_ratio) as accuracy_ratio,
            assumeNotNull(
                {{ interpolate("curve.smoothed_points", "place.axis_value", is_share=true) }}
            ) as smoothed_accuracy_ratio,
            assumeNotNull(
                {{ interpolate("curve.chance_points", "place.axis_value", is_share=true) }}
            ) as chance_accuracy_ratio,
            curve.axis as axis,
            place.axis_value as axis_value,
            {{ is_measured_at_place() }} as is_measured
        from curve
        inner join
            place
            on curve.suite_id = place.suite_id
            and curve.corpus_id = place.corpus_id
            and curve.axis = place.axis
    )

select * except (drawn_ratio)
from drawn
where drawn_ratio is not null

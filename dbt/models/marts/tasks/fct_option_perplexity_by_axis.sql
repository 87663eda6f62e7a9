{{ config(materialized="view") }}

with
    option as (select * from {{ ref("fct_option_perplexity_by_checkpoint") }}),

    -- without a corpus that the checkpoint is scored on there is no perplexity to draw against
    validation as (
        select model_id, step, corpus_id, perplexity from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    placed as (
        select
            option.suite_id as suite_id,
            option.model_id as model_id,
            option.parameter_count as parameter_count,
            option.step as step,
            option.tokens_seen as tokens_seen,
            option.train_flops_palm as train_flops_palm,
            ifNull(validation.corpus_id, '') as corpus_id,
            nullIf(ifNull(validation.perplexity, 0), 0) as validation_perplexity,
            option.task_set_kind as task_set_kind,
            option.task_set as task_set,
            option.shot_count as shot_count,
            option.is_correct as is_correct,
            option.perplexity as perplexity
        from option
        left join validation on option.model_id = validation.model_id and option.step = validation.step
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
            is_correct,
            axis,
            arraySort(groupArray((axis_value, perplexity))) as points
        from pointed
        group by suite_id, model_id, corpus_id, task_set_kind, task_set, shot_count, is_correct, axis
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
            curve.is_correct as is_correct,
            curve.axis as axis,
            place.axis_value as axis_value,
            {{ interpolate("curve.points", "place.axis_value") }} as drawn_perplexity,
            assumeNotNull(drawn_perplexity) as perplexity,
            {{ is_measured_at_place() }} as is_measured
        from curve
        inner join
            place
            on curve.suite_id = place.suite_id
            and curve.corpus_id = place.corpus_id
            and curve.axis = place.axis
    )

select * except (drawn_perplexity)
from drawn
where drawn_perplexity is not null

{{ config(materialized="view") }}

with
    measured as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    placed as (
        select
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            perplexity,
            arrayJoin({{ trajectory_axes("perplexity") }}) as axis_point,
            axis_point .1 as axis,
            assumeNotNull(axis_point .2) as axis_value
        from measured
        where axis_point .2 is not null
    ),

    curve as (
        select
            suite_id,
            model_id,
            any(parameter_count) as parameter_count,
            corpus_id,
            axis,
            arraySort(groupArray((axis_value, perplexity))) as points
        from placed
        group by suite_id, model_id, corpus_id, axis
    ),

    -- every place where any model of the suite has a checkpoint
    place as (select distinct suite_id, corpus_id, axis, axis_value from placed),

    drawn as (
        select
            curve.suite_id as suite_id,
            curve.model_id as model_id,
            curve.parameter_count as parameter_count,
            curve.corpus_id as corpus_id,
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

{{ config(order_by=["corpus_id", "comparison", "model_id", "step", "reference_model_id"]) }}

with
    log_prob as (select model_id, corpus_id, step from {{ ref("int_loss_replicate_by_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("stg_registry__model") }}),

    checkpoint as (
        select
            suite_id,
            corpus_id,
            step,
            toString(log_prob.model_id) as model_id,
            (parameter_count, toString(log_prob.model_id)) as size_order,
            lagInFrame(toNullable(step)) over training as previous_step,
            lagInFrame(toNullable(toString(log_prob.model_id))) over sizes as smaller_model_id,
            max(step) over training as last_step
        from log_prob
        inner join model on log_prob.model_id = model.model_id
        window
            training as (
                partition by log_prob.model_id, corpus_id
                order by step
                rows between unbounded preceding and unbounded following
            ),
            sizes as (
                partition by suite_id, corpus_id, step
                order by parameter_count, log_prob.model_id
                rows between unbounded preceding and unbounded following
            )
    ),

    last_checkpoint as (
        select suite_id, corpus_id, groupArray((size_order, model_id, step)) as last_checkpoints
        from checkpoint
        where step = last_step
        group by suite_id, corpus_id
    ),

    compared as (
        select
            suite_id,
            corpus_id,
            model_id,
            step,
            arrayJoin(
                arrayConcat(
                    [('previous checkpoint', toNullable(model_id), previous_step)],
                    [('same step', smaller_model_id, toNullable(step))],
                    arrayMap(
                        other -> ('last checkpoints', toNullable(other .2), toNullable(other .3)),
                        arrayFilter(other -> step = last_step and other .1 < size_order, last_checkpoints)
                    )
                )
            ) as reference
        from checkpoint
        inner join last_checkpoint using (suite_id, corpus_id)
    )

select
    suite_id,
    corpus_id,
    toLowCardinality(reference .1) as comparison,
    toLowCardinality(model_id) as model_id,
    step,
    toLowCardinality(assumeNotNull(reference .2)) as reference_model_id,
    assumeNotNull(reference .3) as reference_step
from compared
where reference .2 is not null and reference .3 is not null

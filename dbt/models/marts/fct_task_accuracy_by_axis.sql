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

    drawn as (
        select
            *,
            arrayJoin({{ trajectory_axes("validation_perplexity") }}) as axis_point,
            axis_point .1 as axis,
            assumeNotNull(axis_point .2) as axis_value
        from placed
        where axis_point .2 is not null
    )

select * except (axis_point, tokens_seen, train_flops_palm, validation_perplexity)
from drawn

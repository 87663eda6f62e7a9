{{ config(materialized="view") }}

with
    published_accuracy as (select * from {{ ref("int_published_task_accuracy") }}),

    validation as (select * from {{ ref("fct_published_validation_perplexity") }}),

    published as (
        select task_id, arrayStringConcat(arraySort(groupUniqArray(task_group)), ', ') as published_groups
        from {{ ref("task_group") }}
        group by task_id
    ),

    described as (
        select
            toLowCardinality(published_accuracy.suite_id) as suite_id,
            published_accuracy.model_id as model_id,
            validation.parameter_count as parameter_count,
            published_accuracy.step as step,
            validation.tokens_seen as tokens_seen,
            validation.fraction_of_training as fraction_of_training,
            validation.train_flops_palm as train_flops_palm,
            validation.perplexity as validation_perplexity,
            task_set_kind,
            task_set,
            published.published_groups as published_groups,
            shot_count,
            accuracy_ratio
        from published_accuracy
        inner join
            validation
            on published_accuracy.model_id = validation.model_id
            and published_accuracy.step = validation.step
        left join published on published_accuracy.task_set = published.task_id
    )

select *
from described

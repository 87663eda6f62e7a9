{{
    config(
        order_by=[
            "suite_id",
            "comparison",
            "task_set_kind",
            "task_set",
            "shot_count",
            "normalisation",
            "seed",
            "first_model_id",
            "second_model_id",
            "second_step",
        ],
    )
}}

{%- set family = "suite_id, comparison, task_set_kind, shot_count, normalisation" %}

with
    outcome_change as (select * from {{ ref("int_outcome_change") }}),

    balanced_task as (select * from {{ ref("int_balanced_task") }} where is_balanced),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    progress as (select model_id, step, fraction_of_training from {{ ref("dim_checkpoint") }}),

    -- The checkpoints of a model that were evaluated on a set of tasks, as (progress, step). Progress is
    -- rounded, because models of different length reach the same fraction of training only nearly.
    trajectory as (
        select
            model.suite_id as suite_id,
            model.parameter_count as parameter_count,
            accuracy.model_id as model_id,
            task_set_kind,
            task_set,
            shot_count,
            max(accuracy.step) as last_step,
            groupUniqArrayIf(
                (round(assumeNotNull(fraction_of_training), 6), accuracy.step), fraction_of_training > 0
            ) as stages
        from {{ ref("int_task_accuracy") }} as accuracy
        inner join model on accuracy.model_id = model.model_id
        left join progress on accuracy.model_id = progress.model_id and accuracy.step = progress.step
        group by suite_id, parameter_count, model_id, task_set_kind, task_set, shot_count
    ),

    -- Two models are compared at the latest progress that both have reached with an evaluated checkpoint. If
    -- there is none, their last checkpoints are compared.
    model_pair as (
        select
            suite_id,
            task_set_kind,
            task_set,
            shot_count,
            smaller.model_id as first_model_id,
            larger.model_id as second_model_id,
            arrayMax(
                arrayIntersect(
                    arrayPushBack(arrayMap(stage -> stage .1, smaller.stages), 0.),
                    arrayPushBack(arrayMap(stage -> stage .1, larger.stages), 0.)
                )
            ) as common_progress,
            common_progress > 0 as is_same,
            arrayFirst(stage -> stage .1 = common_progress, smaller.stages) .2 as first_stage_step,
            arrayFirst(stage -> stage .1 = common_progress, larger.stages) .2 as second_stage_step,
            if(is_same, first_stage_step, smaller.last_step) as first_step,
            if(is_same, second_stage_step, larger.last_step) as second_step
        from trajectory as smaller
        inner join trajectory as larger using (suite_id, task_set_kind, task_set, shot_count)
        where (smaller.parameter_count, smaller.model_id) < (larger.parameter_count, larger.model_id)
    ),

    task_pair as (
        select distinct
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            balanced_task.task_id as task_id,
            shot_count
        from model_pair
        inner join balanced_task using (suite_id, task_set_kind, task_set, shot_count)
    ),

    paired_outcome as (
        select
            model_id, step, task_id, shot_count, seed, normalisation, item_id, toUInt8(is_correct) as is_right
        from {{ ref("int_item_outcome") }}
        where
            (model_id, step, task_id, shot_count) in (
                select first_model_id, first_step, task_id, shot_count
                from task_pair
                union all
                select second_model_id, second_step, task_id, shot_count
                from task_pair
            )
    ),

    task_between_models as (
        select
            task_pair.first_model_id as first_model_id,
            task_pair.first_step as first_step,
            task_pair.second_model_id as second_model_id,
            task_pair.second_step as second_step,
            task_pair.task_id as task_id,
            task_pair.shot_count as shot_count,
            smaller.seed as seed,
            smaller.normalisation as normalisation,
            toInt64(count()) as item_count,
            toInt64(sum(smaller.is_right)) as first_correct_count,
            toInt64(sum(larger.is_right)) as second_correct_count,
            toInt64(countIf(smaller.is_right > larger.is_right)) as only_first_correct_count,
            toInt64(countIf(smaller.is_right < larger.is_right)) as only_second_correct_count
        from task_pair
        inner join
            paired_outcome as smaller
            on task_pair.first_model_id = smaller.model_id
            and task_pair.first_step = smaller.step
            and task_pair.task_id = smaller.task_id
            and task_pair.shot_count = smaller.shot_count
        inner join
            paired_outcome as larger
            on task_pair.second_model_id = larger.model_id
            and task_pair.second_step = larger.step
            and smaller.task_id = larger.task_id
            and smaller.shot_count = larger.shot_count
            and smaller.seed = larger.seed
            and smaller.normalisation = larger.normalisation
            and smaller.item_id = larger.item_id
        group by
            first_model_id, first_step, second_model_id, second_step, task_id, shot_count, seed, normalisation
    ),

    between_models as (
        select
            toLowCardinality('last checkpoints of two models') as comparison,
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            toNullable(is_same) as is_at_same_progress,
            task_set_kind,
            task_set,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_count,
            first_correct_count,
            second_correct_count,
            only_first_correct_count,
            only_second_correct_count
        from model_pair
        inner join
            task_between_models using (first_model_id, first_step, second_model_id, second_step, shot_count)
        inner join balanced_task using (suite_id, task_set_kind, task_set, task_id, shot_count, normalisation)
    ),

    between_checkpoints as (
        select
            comparison,
            model.suite_id as suite_id,
            outcome_change.model_id as first_model_id,
            first_step,
            outcome_change.model_id as second_model_id,
            step as second_step,
            cast(null as Nullable(UInt8)) as is_at_same_progress,
            balanced_task.task_set_kind as task_set_kind,
            balanced_task.task_set as task_set,
            outcome_change.task_id as task_id,
            outcome_change.shot_count as shot_count,
            seed,
            outcome_change.normalisation as normalisation,
            item_count,
            first_correct_count,
            second_correct_count,
            only_first_correct_count,
            only_second_correct_count
        from outcome_change
        inner join model on outcome_change.model_id = model.model_id
        inner join
            balanced_task
            on model.suite_id = balanced_task.suite_id
            and outcome_change.task_id = balanced_task.task_id
            and outcome_change.shot_count = balanced_task.shot_count
            and outcome_change.normalisation = balanced_task.normalisation
    ),

    pooled as (
        select
            comparison,
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            toNullable(toBool(any(is_at_same_progress))) as is_at_same_progress,
            task_set_kind,
            task_set,
            shot_count,
            seed,
            normalisation,
            sum(every.item_count) as item_count,
            sum(every.first_correct_count) / item_count as first_accuracy_ratio,
            sum(every.second_correct_count) / item_count as second_accuracy_ratio,
            sum(every.only_first_correct_count) as only_first_correct_count,
            sum(every.only_second_correct_count) as only_second_correct_count
        from
            (
                select *
                from between_models
                union all
                select *
                from between_checkpoints
            ) as every
        group by
            comparison,
            suite_id,
            first_model_id,
            first_step,
            second_model_id,
            second_step,
            task_set_kind,
            task_set,
            shot_count,
            seed,
            normalisation
    ),

    tested as (
        select
            pooled.*,
            first_progress.fraction_of_training as first_fraction_of_training,
            second_progress.fraction_of_training as second_fraction_of_training,
            {{ mcnemar_p_value("only_first_correct_count", "only_second_correct_count") }} as p_value,
            {{ mcnemar_mid_p_value("only_first_correct_count", "only_second_correct_count") }} as mid_p_value,
            row_number() over (partition by {{ family }} order by mid_p_value) as p_rank,
            toInt64(count() over (partition by {{ family }})) as family_test_count
        from pooled
        left join
            progress as first_progress
            on pooled.first_model_id = first_progress.model_id
            and pooled.first_step = first_progress.step
        left join
            progress as second_progress
            on pooled.second_model_id = second_progress.model_id
            and pooled.second_step = second_progress.step
    )

select
    comparison,
    suite_id,
    first_model_id,
    first_step,
    first_fraction_of_training,
    second_model_id,
    second_step,
    second_fraction_of_training,
    is_at_same_progress,
    task_set_kind,
    task_set,
    shot_count,
    seed,
    normalisation,
    item_count,
    first_accuracy_ratio,
    second_accuracy_ratio,
    only_first_correct_count,
    only_second_correct_count,
    p_value,
    mid_p_value,
    family_test_count,
    {{ holm_p_value("mid_p_value", "p_rank", "family_test_count", family) }} as holm_p_value,
    {{ benjamini_hochberg_p_value("mid_p_value", "p_rank", "family_test_count", family) }}
    as benjamini_hochberg_p_value
from tested

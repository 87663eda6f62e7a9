{{ config(order_by=["suite_id", "model_id", "shot_count", "caveat"]) }}

with
    evaluation as (
        select distinct model_id, step, task_id, shot_count, toString(normalisation) as normalisation
        from {{ ref("int_outcome_count") }}
        union all
        select distinct model_id, step, task_id, shot_count, 'none'
        from {{ ref("int_option_log_prob") }}
    ),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    progress as (select model_id, step, fraction_of_training from {{ ref("dim_checkpoint") }}),

    evaluated as (
        select
            model.suite_id as suite_id,
            evaluation.model_id as model_id,
            model.parameter_count as parameter_count,
            shot_count,
            normalisation,
            task_id,
            groupArray(step) as steps
        from evaluation
        inner join model on evaluation.model_id = model.model_id
        group by suite_id, model_id, parameter_count, shot_count, normalisation, task_id
    ),

    trajectory as (
        select
            suite_id,
            model_id,
            parameter_count,
            shot_count,
            normalisation,
            groupUniqArrayArray(evaluated.steps) as steps,
            toInt64(length(steps)) as checkpoint_count,
            groupArray((toString(task_id), toInt64(length(evaluated.steps)))) as tasks_of_model
        from evaluated
        group by suite_id, model_id, parameter_count, shot_count, normalisation
    ),

    unbalanced_set as (
        select
            suite_id,
            shot_count,
            normalisation,
            groupUniqArrayIf(
                toString(task_id), task_set_kind = 'group' and task_set = 'all'
            ) as missing_somewhere
        from {{ ref("int_balanced_task") }}
        where not is_balanced
        group by suite_id, shot_count, normalisation
    ),

    -- Groups of which no task is evaluated at every compared checkpoint.
    empty_set as (
        select
            suite_id,
            shot_count,
            normalisation,
            arrayStringConcat(arraySort(groupUniqArray(toString(task_set))), ', ') as empty_sets
        from
            (
                select suite_id, shot_count, normalisation, task_set
                from {{ ref("int_balanced_task") }}
                group by suite_id, task_set_kind, task_set, shot_count, normalisation
                having countIf(is_balanced) = 0
            )
        group by suite_id, shot_count, normalisation
    ),

    -- The tasks that some checkpoint of the model lacks and that are therefore left out of the means of its
    -- suite. Normalisations under which the same tasks are missing share a caveat.
    lacking as (
        select
            suite_id,
            model_id,
            parameter_count,
            shot_count,
            arraySort(
                arrayFilter(
                    task -> arrayFirst(known -> known .1 = task, tasks_of_model) .2 < checkpoint_count,
                    missing_somewhere
                )
            ) as missing_tasks,
            empty_sets,
            arraySort(groupArray(normalisation)) as normalisations
        from trajectory
        inner join unbalanced_set using (suite_id, shot_count, normalisation)
        left join empty_set using (suite_id, shot_count, normalisation)
        group by suite_id, model_id, parameter_count, shot_count, missing_tasks, empty_sets
    ),

    unbalanced as (
        select
            suite_id,
            model_id,
            parameter_count,
            shot_count,
            concat(
                format(
                    '{}-shot{}: {} tasks that other checkpoints have are not evaluated at every checkpoint ({})',
                    toString(shot_count),
                    if(
                        has(normalisations, 'none'),
                        '',
                        concat(' under ', arrayStringConcat(normalisations, ', '))
                    ),
                    toString(length(missing_tasks)),
                    {{ name_first("missing_tasks") }}
                ),
                '; means over groups leave them out for every model',
                if(
                    empty_sets = '',
                    '',
                    concat(
                        '; no task of these sets is evaluated at every checkpoint, so they have no mean: ',
                        empty_sets
                    )
                )
            ) as caveat
        from lacking
        where notEmpty(missing_tasks)
    ),

    shortened_task as (
        select
            model_id,
            shot_count,
            task_id,
            sum(exemplar_count) / sum(prompt_count) as mean_exemplar_count,
            sum(shortened_prompt_count) / sum(prompt_count) as shortened_ratio
        from {{ ref("int_prompt") }}
        group by model_id, shot_count, task_id
        having shortened_ratio > 0
    ),

    shortened as (
        select
            model.suite_id as suite_id,
            shortened_task.model_id as model_id,
            any(model.parameter_count) as parameter_count,
            shot_count,
            arraySort(
                task -> (task .2, task .1),
                groupArray((toString(task_id), mean_exemplar_count, shortened_ratio))
            ) as tasks,
            arrayMap(
                task -> format(
                    '{} ({} exemplars on average, {}% of the prompts shortened)',
                    task .1,
                    toString(round(task .2, 2)),
                    toString(ceil(100 * task .3))
                ),
                tasks
            ) as descriptions,
            format(
                '{}-shot: the context is too short for all prompts of {} tasks: {}',
                toString(shot_count),
                toString(length(tasks)),
                {{ name_first("descriptions") }}
            ) as caveat
        from shortened_task
        inner join model on shortened_task.model_id = model.model_id
        group by suite_id, model_id, shot_count
    ),

    last_evaluated as (
        select
            suite_id,
            trajectory.model_id as model_id,
            parameter_count,
            shot_count,
            argMax(tuple(progress.fraction_of_training), progress.step) .1 as last_progress
        from trajectory
        inner join progress on trajectory.model_id = progress.model_id
        where normalisation = 'none' and has(trajectory.steps, progress.step)
        group by suite_id, model_id, parameter_count, shot_count
    ),

    compared_progress as (
        select *, max(last_progress) over (partition by suite_id, shot_count) as greatest_progress
        from last_evaluated
    ),

    behind as (
        select
            suite_id,
            model_id,
            parameter_count,
            shot_count,
            format(
                '{}-shot: the last evaluated checkpoint is at {}% of training, that of another model of the suite at {}%: last checkpoints are not at the same progress',
                toString(shot_count),
                toString(round(100 * assumeNotNull(last_progress), 1)),
                toString(round(100 * assumeNotNull(greatest_progress), 1))
            ) as caveat
        from compared_progress
        where last_progress < greatest_progress - 1e-6
    ),

    caveated as (
        select suite_id, model_id, parameter_count, shot_count, caveat
        from unbalanced
        union all
        select suite_id, model_id, parameter_count, shot_count, caveat
        from shortened
        union all
        select suite_id, model_id, parameter_count, shot_count, caveat
        from behind
    )

select *
from caveated

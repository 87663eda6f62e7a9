{{
    config(
        order_by=["model_id", "task_set_kind", "task_set", "shot_count", "normalisation", "step"],
    )
}}

with
    seed_mean as (select * from {{ ref("int_seed_mean") }}),

    model as (select model_id, suite_id from {{ ref("stg_registry__model") }}),

    balanced_task as (select * from {{ ref("int_balanced_task") }} where is_balanced),

    prompt as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            sum(exemplar_count) / sum(prompt_count) as mean_exemplars,
            sum(shortened_prompt_count) / sum(prompt_count) as shortened_ratio
        from {{ ref("int_prompt") }}
        group by model_id, step, task_id, shot_count
    ),

    measured as (
        select *
        from seed_mean
        left join model using (model_id)
        left join prompt using (model_id, step, task_id, shot_count)
    ),

    counted as (
        select
            suite_id,
            model_id,
            step,
            balanced_task.task_set_kind as task_set_kind,
            balanced_task.task_set as task_set,
            shot_count,
            normalisation,
            balanced_task.counted_task_id as counted_task_id,
            any(balanced_task.left_out_task_count) as left_out_tasks,
            min(measured.seed_count) as seeds_of_task,
            sum(measured.item_count) as items_of_task,
            sum(measured.effective_item_count) as effective_items_of_task,
            avg(measured.accuracy_ratio) as accuracy,
            sum(pow(measured.standard_error, 2)) / pow(count(), 2) as item_variance,
            avg(measured.chance_accuracy_ratio) as chance_accuracy,
            avg(measured.chance_corrected_accuracy) as corrected_accuracy,
            avg(measured.expected_score) as score,
            avg(measured.chance_score) as score_by_chance,
            avg(mean_exemplars) as exemplars,
            avg(shortened_ratio) as shortened
        from measured
        inner join balanced_task using (suite_id, task_id, shot_count, normalisation)
        group by suite_id, model_id, step, task_set_kind, task_set, shot_count, normalisation, counted_task_id
    ),

    combined as (
        select
            model_id,
            step,
            task_set_kind,
            task_set,
            shot_count,
            normalisation,
            toInt64(count()) as task_count,
            any(left_out_tasks) as left_out_task_count,
            min(seeds_of_task) as seed_count,
            toInt64(sum(items_of_task)) as item_count,
            sum(effective_items_of_task) as effective_item_count,
            avg(accuracy) as accuracy_ratio,
            sqrt(sum(item_variance)) / count() as standard_error,
            stddevSampStable(accuracy) / sqrt(count()) as error_over_tasks,
            studentTTestOneSample(0.95)
            (accuracy, 0) as t_test,
            if(task_count > 1, error_over_tasks, null) as task_standard_error,
            multiIf(
                task_count = 1, null, error_over_tasks = 0, accuracy_ratio, greatest(0, t_test .3)
            ) as accuracy_lower_over_tasks,
            multiIf(
                task_count = 1, null, error_over_tasks = 0, accuracy_ratio, least(1, t_test .4)
            ) as accuracy_upper_over_tasks,
            avg(chance_accuracy) as chance_accuracy_ratio,
            avg(corrected_accuracy) as chance_corrected_accuracy,
            avg(score) as expected_score,
            avg(score_by_chance) as chance_score,
            avg(exemplars) as mean_exemplar_count,
            avg(shortened) as shortened_item_ratio
        from counted
        group by model_id, step, task_set_kind, task_set, shot_count, normalisation
    ),

    -- The accuracy of a single task has Wilson's interval, which also holds for few items.
    bounded as (
        select
            * except (error_over_tasks, t_test),
            task_set_kind = 'task' and task_count = 1 as is_single_task,
            greatest(
                0,
                if(
                    is_single_task,
                    {{ wilson_bound("accuracy_ratio", "effective_item_count", "-") }},
                    accuracy_ratio - 1.959963984540054 * standard_error
                )
            ) as accuracy_lower,
            least(
                1,
                if(
                    is_single_task,
                    {{ wilson_bound("accuracy_ratio", "effective_item_count", "+") }},
                    accuracy_ratio + 1.959963984540054 * standard_error
                )
            ) as accuracy_upper
        from combined
    )

select * except (is_single_task)
from bounded

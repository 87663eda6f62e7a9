{{
    config(
        materialized="incremental",
        partition_by=["model_id"],
        order_by=["comparison", "task_id", "shot_count", "normalisation", "seed", "step"],
        pre_hook="{{ drop_vanished_pairs(ref('int_evaluation_fingerprint'), 'model_id') }}",
    )
}}

with
    stale_model as (
        {{ select_stale_pairs(ref("int_evaluation_fingerprint"), "evaluation_fingerprint", "model_id") }}
    ),

    outcome as (
        select * from {{ ref("int_item_outcome") }} where model_id in (select model_id from stale_model)
    ),

    evaluated as (
        select model_id, task_id, shot_count, seed, arraySort(groupUniqArray(step)) as steps
        from outcome
        group by model_id, task_id, shot_count, seed
    ),

    series as (
        select
            model_id,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_id,
            arraySort(groupArray((step, toUInt8(is_correct)))) as checkpoints
        from outcome
        group by model_id, task_id, shot_count, seed, normalisation, item_id
    ),

    paired as (
        select
            series.* except (checkpoints),
            steps,
            arrayJoin(
                arrayConcat(
                    arrayMap(
                        index -> ('consecutive checkpoints', checkpoints[index], checkpoints[index + 1]),
                        range(1, length(checkpoints))
                    ),
                    if(
                        length(checkpoints) > 1,
                        [('first and last checkpoint', checkpoints[1], checkpoints[-1])],
                        []
                    )
                )
            ) as pair
        from series
        inner join evaluated using (model_id, task_id, shot_count, seed)
        -- `steps` holds all steps at which the model was evaluated on the task. An item may have no outcome
        -- at some of these steps. A pair of checkpoints is kept only if it is a pair in `steps`: either two
        -- consecutive steps of `steps`, or the first and the last step of `steps`.
        where
            if(
                pair .1 = 'consecutive checkpoints',
                indexOf(steps, pair .3 .1) = indexOf(steps, pair .2 .1) + 1,
                pair .2 .1 = steps[1] and pair .3 .1 = steps[-1]
            )
    ),

    counted as (
        select
            model_id,
            toLowCardinality(pair .1) as comparison,
            task_id,
            shot_count,
            seed,
            normalisation,
            pair .2 .1 as first_step,
            pair .3 .1 as step,
            toInt64(count()) as item_count,
            toInt64(sum(pair .2 .2)) as first_correct_count,
            toInt64(sum(pair .3 .2)) as second_correct_count,
            toInt64(countIf(pair .2 .2 > pair .3 .2)) as only_first_correct_count,
            toInt64(countIf(pair .2 .2 < pair .3 .2)) as only_second_correct_count
        from paired
        group by model_id, comparison, task_id, shot_count, seed, normalisation, first_step, step
    )

select
    counted.model_id as model_id,
    comparison,
    task_id,
    shot_count,
    seed,
    normalisation,
    first_step,
    step,
    item_count,
    first_correct_count,
    second_correct_count,
    only_first_correct_count,
    only_second_correct_count,
    evaluation_fingerprint
from counted
inner join stale_model on counted.model_id = stale_model.model_id

{{
    config(
        materialized="incremental",
        partition_by=["model_id"],
        order_by=["task_id", "shot_count", "seed", "step"],
        pre_hook="{{ drop_vanished_pairs(ref('int_evaluation_fingerprint'), 'model_id') }}",
    )
}}

with
    stale_model as (
        {{ select_stale_pairs(ref("int_evaluation_fingerprint"), "evaluation_fingerprint", "model_id") }}
    ),

    -- All options of an item have the same prompt, and every item has an option with index 0.
    prompt as (
        select model_id, step, task_id, shot_count, seed, exemplar_count, truncated_token_count
        from {{ ref("stg_tasks__option_score") }}
        where option_index = 0 and model_id in (select model_id from stale_model)
    ),

    counted as (
        select
            prompt.model_id as model_id,
            step,
            task_id,
            shot_count,
            seed,
            toInt64(count()) as prompt_count,
            toInt64(sum(prompt.exemplar_count)) as exemplar_count,
            toInt64(
                countIf(prompt.exemplar_count < shot_count or truncated_token_count > 0)
            ) as shortened_prompt_count
        from prompt
        group by model_id, step, task_id, shot_count, seed
    )

select
    counted.model_id as model_id,
    step,
    task_id,
    shot_count,
    seed,
    prompt_count,
    exemplar_count,
    shortened_prompt_count,
    evaluation_fingerprint
from counted
inner join stale_model on counted.model_id = stale_model.model_id

with
    evaluation as (
        select model_id, step, task_id, shot_count, seed
        from {{ ref("stg_tasks__evaluation") }}
        where is_current
    ),

    -- FINAL is not needed because the scores of a checkpoint are replaced together, as one partition.
    option_score as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            item_id,
            option_index,
            log_prob_nats,
            unconditional_log_prob_nats,
            token_count,
            character_count,
            byte_count,
            exemplar_count,
            prompt_token_count,
            truncated_token_count
        from {{ source("evaluation", "raw_option_score") }}
    )

select *
from option_score
where (model_id, step, task_id, shot_count, seed) in (select * from evaluation)

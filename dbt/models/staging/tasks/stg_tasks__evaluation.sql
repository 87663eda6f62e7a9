with
    present as (select task_id, task_sha256 from {{ ref("stg_tasks__task") }}),

    -- FINAL: superseded rows stay in the table until it is merged; only the latest row counts.
    ledger as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            toString(evaluation_key) as evaluation_key,
            toString(weights_sha256) as weights_sha256,
            toString(task_sha256) as task_sha256,
            tokenizer_id,
            settings as evaluation_settings,
            option_count,
            duration_seconds,
            evaluated_at
        from {{ source("evaluation", "raw_evaluation_ledger") }} final
        where is_complete
    )

select ledger.*
from ledger
inner join present using (task_id, task_sha256)

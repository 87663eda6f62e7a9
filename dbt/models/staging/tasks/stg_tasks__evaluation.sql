with
    present as (select task_id, task_sha256 from {{ ref("stg_tasks__task") }}),

    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
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
        where is_complete and {{ is_left_in() }}
    )

select ledger.*
from ledger
inner join present using (task_id, task_sha256)

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
            text_beginning_kind,
            text_beginning_token_ids,
            text_beginning_text,
            option_count,
            duration_seconds,
            evaluated_at
        from {{ source("evaluation", "raw_evaluation_ledger") }} final
        where is_complete and {{ is_left_in() }}
    ),

    evaluation as (select ledger.* from ledger inner join present using (task_id, task_sha256)),

    -- The beginning of a text (such as BOS) changes every score. Scores of one model are compared over its
    -- steps, so only the evaluations with the latest beginning are current. Imported scores do not state
    -- their beginning. They are current, because their tasks have no other scores.
    compared as (
        select
            *,
            argMaxIf(text_beginning_token_ids, evaluated_at, text_beginning_kind != 'unknown') over (
                partition by model_id
            ) as latest_token_ids
        from evaluation
    )

select
    * except (latest_token_ids),
    toBool(text_beginning_kind = 'unknown' or text_beginning_token_ids = latest_token_ids) as is_current
from compared

{{ config(order_by=["model_id"]) }}

with
    evaluation as (select * from {{ ref("stg_tasks__evaluation") }} where is_current),

    -- This dbt model is a table, not a view, because the fingerprint must be stored before the dbt models
    -- downstream read the scores. If scores change after the fingerprint is stored, the next build finds a
    -- different fingerprint, and these dbt models read the scores again.
    fingerprinted as (
        select
            model_id,
            toInt64(count()) as evaluation_count,
            cityHash64(
                arraySort(
                    groupArray((step, task_id, shot_count, seed, evaluation_key, task_sha256, evaluated_at))
                )
            ) as evaluation_fingerprint
        from evaluation
        group by model_id
    )

select *
from fingerprinted

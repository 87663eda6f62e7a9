{{ config(order_by=["model_id"]) }}

with
    evaluation as (select * from {{ ref("stg_tasks__evaluation") }}),

    -- This dbt model is a table, not a view, so that the fingerprint is stored before the scores are read. If
    -- scores change after the fingerprint is stored, the next build finds a different fingerprint and reads
    -- the scores again.
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

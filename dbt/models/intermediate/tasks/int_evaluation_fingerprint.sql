{{ config(order_by=["model_id"]) }}

with
    evaluation as (select * from {{ ref("stg_tasks__evaluation") }}),

    -- This model is a table, not a view, so that the fingerprint is fixed before the scores are read.
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

{{ config(order_by=["suite_id", "corpus_id", "set_model_id", "shot_count"]) }}

with
    scored as (select distinct suite_id, corpus_id, true as is_scored from {{ ref("dim_scored_model") }}),

    evaluated as (
        select distinct suite_id, shot_count, true as is_evaluated
        from {{ ref("fct_task_accuracy_by_checkpoint") }}
    ),

    model as (select suite_id, model_id from {{ ref("dim_model") }}),

    chosen as (
        select
            model.suite_id as suite_id,
            if(scored.is_scored, toString(scored.corpus_id), 'no scored corpus') as corpus_id,
            model.model_id as set_model_id,
            toInt16(evaluated.shot_count) as shot_count,
            scored.is_scored as has_scores,
            evaluated.is_evaluated as has_tasks
        from model
        left join scored on model.suite_id = scored.suite_id
        left join evaluated on model.suite_id = evaluated.suite_id
    )

-- Superset chooses the first value of every filter before it knows those of the others.
-- The values of one row are the first ones of all filters, if each orders them by this preference.
select
    *,
    toInt64(
        row_number() over (
            order by has_scores, has_tasks, suite_id desc, corpus_id desc, set_model_id desc, shot_count desc
        )
    ) as score_preference,
    toInt64(
        row_number() over (
            order by has_tasks, has_scores, suite_id desc, corpus_id desc, set_model_id desc, shot_count desc
        )
    ) as task_preference
from chosen
where has_scores or has_tasks

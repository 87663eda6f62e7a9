{{ config(order_by=["corpus_id", "model_id", "step"], query_settings={"max_block_size": 1024}) }}

with
    scored as (
        select model_id, corpus_id, step, any(log_prob.unit_fingerprint) as unit_fingerprint
        from {{ ref("int_unit_log_prob") }} as log_prob
        where unit = 'word'
        group by model_id, corpus_id, step
    ),

    counted as (
        select
            *,
            max(step) over (partition by corpus_id) as last_step,
            count() over (partition by model_id, corpus_id) as checkpoint_count
        from scored
    ),

    -- The marks are evenly spaced in ln(step + 1) up to the last step of any model, so that
    -- models with the same steps keep the same ones.
    marked as (
        select
            model_id,
            corpus_id,
            any(counted.unit_fingerprint) as unit_fingerprint,
            arrayJoin(range({{ var("phase_aligned_checkpoints") }})) as mark,
            argMin(
                step,
                (
                    abs(
                        log(step + 1) - mark / {{ var("phase_aligned_checkpoints") - 1 }} * log(last_step + 1)
                    ),
                    step
                )
            ) as nearest_step
        from counted
        where checkpoint_count > {{ var("phase_aligned_checkpoints") }}
        group by model_id, corpus_id, mark
    )

select model_id, corpus_id, step, unit_fingerprint
from counted
where checkpoint_count <= {{ var("phase_aligned_checkpoints") }}
union all
select distinct model_id, corpus_id, nearest_step as step, unit_fingerprint
from marked

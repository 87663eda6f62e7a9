{{ config(order_by=["model_id", "step"]) }}

with
    checkpoint as (select * from {{ ref("stg_registry__checkpoint") }}),

    model as (
        select model_id, suite_id, planned_steps, train_flops_per_token_6n, train_flops_per_token_palm
        from {{ ref("dim_model") }}
    ),

    described as (
        select
            {{ checkpoint_id("checkpoint.model_id", "step") }} as checkpoint_id,
            checkpoint.model_id as model_id,
            model.suite_id as suite_id,
            step,
            tokens_seen,
            if(planned_steps > 0, step / planned_steps, null) as fraction_of_training,
            toFloat64(tokens_seen) * train_flops_per_token_6n as train_flops_6n,
            toFloat64(tokens_seen) * train_flops_per_token_palm as train_flops_palm,
            checkpoint_source,
            revision,
            commit_hash,
            weights_sha256,
            size_bytes,
            audit_status,
            discovered_at
        from checkpoint
        left join model on checkpoint.model_id = model.model_id
    )

select *
from described

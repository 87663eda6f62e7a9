{{ config(order_by=["model_id"]) }}

with
    model as (select * from {{ ref("stg_registry__model") }}),

    suite as (select suite_id, suite_description from {{ ref("stg_registry__suite") }}),

    -- 6 N + 12 L H Q T per token (Chowdhery et al. 2022, appendix B). N counts every parameter,
    -- embeddings included: attention then adds 30% at 125M and 3% at 175B parameters.
    described as (
        select
            model.model_id as model_id,
            model.suite_id as suite_id,
            suite.suite_description as suite_description,
            model_name,
            architecture,
            parameter_count,
            non_embedding_parameter_count,
            layer_count,
            hidden_size,
            head_count,
            head_dimension,
            vocabulary_size,
            context_length,
            batch_tokens,
            planned_steps,
            seed,
            tokenizer_id,
            6 * parameter_count as train_flops_per_token_6n,
            train_flops_per_token_6n
            + 12
            * toInt64(layer_count)
            * head_count
            * head_dimension
            * context_length as train_flops_per_token_palm
        from model
        left join suite on model.suite_id = suite.suite_id
    )

select *
from described

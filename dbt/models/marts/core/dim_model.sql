{{ config(order_by=["model_id"]) }}

with
    model as (select * from {{ ref("stg_registry__model") }}),

    suite as (select suite_id, suite_description from {{ ref("stg_registry__suite") }}),

    -- Training takes 6 N + 12 L H Q T operations per token (Chowdhery et al. 2022, appendix B). N is the
    -- number of parameters that are used for one token, embeddings included. L is the number of blocks, H the
    -- number of attention heads, Q the dimension of a head and T the sequence length. The second term is the
    -- attention. In the OPT models, it adds 30% at 125M parameters and 3% at 175B.
    described as (
        select
            *,
            6 * active_parameter_count as train_flops_per_token_6n,
            train_flops_per_token_6n
            + 12
            * toInt64(layer_count)
            * head_count
            * head_dimension
            * context_length as train_flops_per_token_palm
        from model
        left join suite using (suite_id)
    )

select *
from described

{{ config(materialized="view") }}

with
    published_model as (select * from {{ ref("published_model") }}),

    -- Training takes 6 N + 12 L H Q T operations per token (Chowdhery et al. 2022, appendix B). N is the
    -- number of parameters, L the number of blocks and T the sequence length. H Q is the hidden size.
    described as (
        select
            concat(published_model.suite_id, '/', published_model.model_name) as model_id,
            suite_id,
            model_name,
            -- The corpus of the paper is fifty documents of the validation part of PG-19 (Xia et al. 2023,
            -- section 2).
            'pg19-validation' as corpus_id,
            parameter_count,
            batch_tokens,
            planned_steps,
            6 * parameter_count as train_flops_per_token_6n,
            train_flops_per_token_6n
            + 12 * toInt64(layer_count) * hidden_size * context_length as train_flops_per_token_palm
        from published_model
    )

select *
from described

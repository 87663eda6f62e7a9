{{ config(order_by=["generation_key"]) }}

with
    generation as (select * from {{ ref("int_generation") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    described as (
        select
            generation.* except (sampling),
            small.suite_id as small_suite_id,
            small.parameter_count as small_parameter_count,
            large.suite_id as large_suite_id,
            large.parameter_count as large_parameter_count
        from generation
        left join model as small on generation.small_model_id = small.model_id
        left join model as large on generation.large_model_id = large.model_id
    )

select
    generation_key,
    generation_name,
    decoding_name,
    decoding_method,
    small_weight,
    large_weight,
    plausibility,
    sampling_name,
    top_p,
    seed,
    small_suite_id,
    small_model_id,
    small_step,
    small_parameter_count,
    large_suite_id,
    large_model_id,
    large_step,
    large_parameter_count,
    tokenizer_id,
    prompt_corpus_id,
    prompt_token_count,
    new_token_count,
    corpus_id,
    text_count
from described

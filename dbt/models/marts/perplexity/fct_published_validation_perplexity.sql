{{ config(materialized="view") }}

with
    published_perplexity as (select * from {{ ref("published_validation_perplexity") }}),

    model as (select * from {{ ref("dim_published_model") }}),

    described as (
        select
            model.suite_id as suite_id,
            model.model_id as model_id,
            model.parameter_count as parameter_count,
            model.corpus_id as corpus_id,
            published_perplexity.step as step,
            step * batch_tokens as tokens_seen,
            step / planned_steps as fraction_of_training,
            toFloat64(tokens_seen) * train_flops_per_token_6n as train_flops_6n,
            toFloat64(tokens_seen) * train_flops_per_token_palm as train_flops_palm,
            published_perplexity.perplexity as perplexity
        from published_perplexity
        inner join model using (suite_id, model_name)
    )

select *
from described

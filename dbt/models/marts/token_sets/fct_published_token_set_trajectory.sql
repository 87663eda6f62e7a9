{{ config(materialized="view") }}

with
    published_set as (select * from {{ ref("published_token_set_perplexity") }}),

    validation as (select * from {{ ref("fct_published_validation_perplexity") }}),

    described as (
        select
            concat(published_set.suite_id, '/', published_set.set_model_name) as set_model_id,
            published_set.start_percent as start_percent,
            published_set.category as category,
            validation.suite_id as suite_id,
            validation.model_id as model_id,
            validation.parameter_count as parameter_count,
            validation.corpus_id as corpus_id,
            validation.step as step,
            validation.tokens_seen as tokens_seen,
            validation.fraction_of_training as fraction_of_training,
            validation.train_flops_6n as train_flops_6n,
            validation.train_flops_palm as train_flops_palm,
            validation.perplexity as validation_perplexity,
            published_set.perplexity as perplexity
        from published_set
        inner join
            validation
            on concat(published_set.suite_id, '/', published_set.model_name) = validation.model_id
            and published_set.step = validation.step
    )

select *
from described

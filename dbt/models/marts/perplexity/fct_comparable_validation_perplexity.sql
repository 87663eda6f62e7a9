{{ config(materialized="view") }}

with
    own as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    published as (select * from {{ ref("fct_published_validation_perplexity") }}),

    combined as (
        select
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            step,
            tokens_seen,
            fraction_of_training,
            train_flops_6n,
            train_flops_palm,
            perplexity,
            perplexity_lower,
            perplexity_upper,
            false as is_published
        from own
        union all
        select
            suite_id,
            toLowCardinality(model_id) as model_id,
            parameter_count,
            toLowCardinality(corpus_id) as corpus_id,
            step,
            tokens_seen,
            fraction_of_training,
            train_flops_6n,
            train_flops_palm,
            perplexity,
            cast(null as Nullable(Float64)) as perplexity_lower,
            cast(null as Nullable(Float64)) as perplexity_upper,
            true as is_published
        from published
    )

select *
from combined

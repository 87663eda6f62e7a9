{{ config(materialized="view") }}

with
    own as (select * from {{ ref("fct_token_set_trajectory") }}),

    published as (select * from {{ ref("fct_published_token_set_trajectory") }}),

    -- The sizes of the published token sets are unknown. Columns that follow from the size are therefore
    -- null.
    combined as (
        select
            set_model_id,
            start_percent,
            category,
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            step,
            tokens_seen,
            fraction_of_training,
            train_flops_6n,
            train_flops_palm,
            validation_perplexity,
            toNullable(token_count) as token_count,
            toNullable(token_share) as token_share,
            perplexity,
            perplexity_lower,
            perplexity_upper,
            toNullable(rest_token_count) as rest_token_count,
            rest_perplexity,
            toNullable(random_perplexity_lower) as random_perplexity_lower,
            toNullable(random_perplexity_upper) as random_perplexity_upper,
            false as is_published
        from own
        union all
        select
            toLowCardinality(set_model_id) as set_model_id,
            start_percent,
            category,
            suite_id,
            toLowCardinality(model_id) as model_id,
            parameter_count,
            toLowCardinality(corpus_id) as corpus_id,
            step,
            tokens_seen,
            fraction_of_training,
            train_flops_6n,
            train_flops_palm,
            validation_perplexity,
            null as token_count,
            null as token_share,
            perplexity,
            null as perplexity_lower,
            null as perplexity_upper,
            null as rest_token_count,
            null as rest_perplexity,
            null as random_perplexity_lower,
            null as random_perplexity_upper,
            true as is_published
        from published
    )

select *
from combined

{{ config(order_by=["model_id", "corpus_id", "set_percent", "step"]) }}

with
    interval as (select * from {{ ref("int_random_token_set") }}),

    validation as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    trajectory as (
        select
            validation.suite_id as suite_id,
            interval.model_id as model_id,
            validation.parameter_count as parameter_count,
            interval.corpus_id as corpus_id,
            interval.set_percent as set_percent,
            interval.step as step,
            validation.tokens_seen as tokens_seen,
            validation.train_flops_palm as train_flops_palm,
            validation.perplexity as validation_perplexity,
            interval.token_count as token_count,
            interval.perplexity as perplexity,
            interval.perplexity_lower as perplexity_lower,
            interval.perplexity_upper as perplexity_upper
        from interval
        inner join
            validation
            on interval.model_id = validation.model_id
            and interval.corpus_id = validation.corpus_id
            and interval.step = validation.step
    )

select *
from trajectory

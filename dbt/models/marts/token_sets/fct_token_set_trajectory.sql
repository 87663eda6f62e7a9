{{
    config(
        order_by=["set_model_id", "corpus_id", "start_percent", "category", "model_id", "step"],
        query_settings={"join_use_nulls": 0},
    )
}}

with
    token_set as (
        select *, - log_prob_sum_nats / token_count as loss_nats from {{ ref("int_token_set_and_rest") }}
    ),

    loss_moment as (select * from {{ ref("int_loss_moment") }}),

    validation as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    trajectory as (
        select
            token_set.set_model_id as set_model_id,
            token_set.start_percent as start_percent,
            toLowCardinality(token_set.category) as category,
            validation.suite_id as suite_id,
            token_set.model_id as model_id,
            validation.parameter_count as parameter_count,
            token_set.corpus_id as corpus_id,
            token_set.step as step,
            validation.checkpoint_id as checkpoint_id,
            validation.tokens_seen as tokens_seen,
            validation.fraction_of_training as fraction_of_training,
            validation.train_flops_6n as train_flops_6n,
            validation.train_flops_palm as train_flops_palm,
            validation.perplexity as validation_perplexity,
            token_set.token_count as token_count,
            token_set.token_count / validation.score_count as token_share,
            exp(loss_nats) as perplexity,
            exp({{ token_set_loss_bound("lower") }}) as perplexity_lower,
            exp({{ token_set_loss_bound("upper") }}) as perplexity_upper,
            token_set.rest_token_count as rest_token_count,
            token_set.rest_perplexity as rest_perplexity,
            {{ random_set_bound("-", "token_set", "loss_moment") }} as random_perplexity_lower,
            {{ random_set_bound("+", "token_set", "loss_moment") }} as random_perplexity_upper
        from token_set
        inner join
            loss_moment
            on token_set.model_id = loss_moment.model_id
            and token_set.corpus_id = loss_moment.corpus_id
            and token_set.step = loss_moment.step
        inner join
            validation
            on token_set.model_id = validation.model_id
            and token_set.corpus_id = validation.corpus_id
            and token_set.step = validation.step
    )

select *
from trajectory

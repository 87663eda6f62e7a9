{{ config(order_by=["model_id", "corpus_id", "set_percent", "step"]) }}

with
    token_bucket as (select * from {{ ref("int_token_bucket_log_prob") }}),

    loss_moment as (select * from {{ ref("int_loss_moment") }}),

    validation as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    -- If the corpus is small, some buckets may be empty. For an empty bucket, the maps return 0 as the number
    -- of tokens and 0 as the sum.
    checkpoint_bucket as (
        select
            model_id,
            corpus_id,
            step,
            sumMap(map(bucket, token_bucket.token_count)) as count_by_bucket,
            sumMap(map(bucket, log_prob_sum_nats)) as sum_by_bucket
        from token_bucket
        group by model_id, corpus_id, step
    ),

    -- The first n buckets form a random token set of n percent of the corpus.
    random_set as (
        select model_id, corpus_id, step, toUInt8(percent) as set_percent, token_count, log_prob_sum_nats
        from checkpoint_bucket
        array join
            range(1, 101) as percent,
            arrayCumSum(arrayMap(number -> count_by_bucket[toUInt8(number)], range(100))) as token_count,
            arrayCumSum(arrayMap(number -> sum_by_bucket[toUInt8(number)], range(100))) as log_prob_sum_nats
        where token_count > 0
    ),

    trajectory as (
        select
            validation.suite_id as suite_id,
            random_set.model_id as model_id,
            validation.parameter_count as parameter_count,
            random_set.corpus_id as corpus_id,
            random_set.set_percent as set_percent,
            random_set.step as step,
            validation.tokens_seen as tokens_seen,
            validation.train_flops_palm as train_flops_palm,
            validation.perplexity as validation_perplexity,
            random_set.token_count as token_count,
            exp(- random_set.log_prob_sum_nats / random_set.token_count) as perplexity,
            {{ random_set_bound("-", "random_set", "loss_moment") }} as perplexity_lower,
            {{ random_set_bound("+", "random_set", "loss_moment") }} as perplexity_upper
        from random_set
        inner join
            loss_moment
            on random_set.model_id = loss_moment.model_id
            and random_set.corpus_id = loss_moment.corpus_id
            and random_set.step = loss_moment.step
        inner join
            validation
            on random_set.model_id = validation.model_id
            and random_set.corpus_id = validation.corpus_id
            and random_set.step = validation.step
    )

select *
from trajectory

{{ config(engine="MergeTree()", order_by=["model_id", "corpus_id", "set_percent", "step"]) }}

with
    token_bucket as (select * from {{ ref("int_token_bucket_log_prob") }}),

    validation as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    -- a small corpus leaves buckets empty
    checkpoint_bucket as (
        select
            model_id,
            corpus_id,
            step,
            sumMap(map(bucket, token_bucket.token_count)) as count_by_bucket,
            sumMap(map(bucket, log_prob_sum_nats)) as sum_by_bucket,
            arrayMap(number -> count_by_bucket[toUInt8(number)], range(100)) as token_counts,
            arrayMap(number -> sum_by_bucket[toUInt8(number)], range(100)) as sums
        from token_bucket
        group by model_id, corpus_id, step
    ),

    -- draws with replacement, seeded by their number, the same for every checkpoint; replicate 0 takes the
    -- buckets as they come: it is the random set itself
    replicate as (
        select
            arrayJoin(range(401)) as replicate_number,
            arrayMap(
                draw -> if(replicate_number = 0, draw, cityHash64(replicate_number, draw) % 100), range(100)
            ) as draws
    ),

    -- the first n draws are a set of n percent
    resampled as (
        select model_id, corpus_id, step, replicate_number, set_percent, set_sum_nats, set_token_count
        from checkpoint_bucket
        cross join replicate
        array join
            arrayMap(draw -> draw + 1, range(100)) as set_percent,
            arrayCumSum(arrayMap(draw -> sums[draw + 1], draws)) as set_sum_nats,
            arrayCumSum(arrayMap(draw -> token_counts[draw + 1], draws)) as set_token_count
        where set_token_count > 0
    ),

    interval as (
        select
            model_id,
            corpus_id,
            step,
            toUInt8(set_percent) as set_percent,
            toInt64(anyIf(set_token_count, replicate_number = 0)) as token_count,
            anyIf(exp(- set_sum_nats / set_token_count), replicate_number = 0) as perplexity,
            quantileExactInclusiveIf(0.025)
            (exp(- set_sum_nats / set_token_count), replicate_number > 0) as perplexity_lower,
            quantileExactInclusiveIf(0.975)
            (exp(- set_sum_nats / set_token_count), replicate_number > 0) as perplexity_upper
        from resampled
        group by model_id, corpus_id, step, set_percent
        having countIf(replicate_number = 0) > 0
    ),

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

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["set_percent", "step"],
        pre_hook="{{ drop_vanished_pairs(ref('int_series_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_series_fingerprint"), "series_fingerprint") }}),

    token_bucket as (
        select *
        from {{ ref("int_token_bucket_log_prob") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- If the corpus is small, some buckets may be empty. For an empty bucket, the maps return 0 as the number
    -- of tokens and 0 as the sum.
    checkpoint_bucket as (
        select
            model_id,
            corpus_id,
            step,
            any(token_bucket.series_fingerprint) as series_fingerprint,
            sumMap(map(bucket, token_bucket.token_count)) as count_by_bucket,
            sumMap(map(bucket, log_prob_sum_nats)) as sum_by_bucket,
            arrayMap(number -> count_by_bucket[toUInt8(number)], range(100)) as token_counts,
            arrayMap(number -> sum_by_bucket[toUInt8(number)], range(100)) as sums
        from token_bucket
        group by model_id, corpus_id, step
    ),

    -- A replicate is a list of 100 buckets. Each of the replicates 1 to 400 is drawn from the hundred buckets
    -- with replacement. The seed is the replicate's number, so the draws are the same for every checkpoint.
    -- These replicates give the 95% interval of the perplexity. Replicate 0 has every bucket once, in order,
    -- and gives the perplexity of the random token set.
    replicate as (
        select
            arrayJoin(range(401)) as replicate_number,
            arrayMap(
                draw -> if(replicate_number = 0, draw, cityHash64(replicate_number, draw) % 100), range(100)
            ) as draws
    ),

    -- The first n buckets of a replicate form a random token set of n percent of the corpus.
    resampled as (
        select
            model_id,
            corpus_id,
            step,
            series_fingerprint,
            replicate_number,
            set_percent,
            set_sum_nats,
            set_token_count
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
            (exp(- set_sum_nats / set_token_count), replicate_number > 0) as perplexity_upper,
            any(resampled.series_fingerprint) as series_fingerprint
        from resampled
        group by model_id, corpus_id, step, set_percent
        having countIf(replicate_number = 0) > 0
    )

select *
from interval

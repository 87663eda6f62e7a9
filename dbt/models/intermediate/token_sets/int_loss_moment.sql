{{ config(materialized="view") }}

with
    token_bucket as (select * from {{ ref("int_token_bucket_log_prob") }}),

    moment as (
        select
            model_id,
            corpus_id,
            step,
            sum(token_bucket.token_count) as token_count,
            - sum(log_prob_sum_nats) / token_count as mean_loss_nats,
            sum(squared_loss_sum) / token_count as mean_square,
            greatest(0., mean_square - pow(mean_loss_nats, 2)) as loss_variance,
            sum(cubed_loss_sum) / token_count
            - 3 * mean_loss_nats * mean_square
            + 2 * pow(mean_loss_nats, 3) as third_moment,
            -- rounding leaves a variance of about 1e-16 of the squares where all losses are equal
            if(
                loss_variance > 1e-12 * mean_square, third_moment / pow(loss_variance, 1.5), 0
            ) as loss_skewness
        from token_bucket
        group by model_id, corpus_id, step
    )

select model_id, corpus_id, step, token_count, mean_loss_nats, loss_variance, loss_skewness
from moment

{{ config(order_by=["model_id", "corpus_id", "step"]) }}

with
    -- Losses on generated texts may rise at the end of training without damage to the checkpoint.
    log_prob as (
        select *
        from {{ ref("int_log_prob_by_checkpoint") }}
        where
            (model_id, corpus_id)
            in (select model_id, corpus_id from {{ ref("int_text_series_fingerprint") }})
    ),

    loss as (select model_id, corpus_id, step, - log_prob_sum_nats / score_count as loss_nats from log_prob),

    neighbour as (
        select
            model_id,
            corpus_id,
            step,
            loss_nats,
            lagInFrame(toNullable(loss_nats)) over series as previous_loss_nats,
            leadInFrame(toNullable(loss_nats)) over series as next_loss_nats
        from loss
        window
            series as (
                partition by model_id, corpus_id
                order by step
                rows between unbounded preceding and unbounded following
            )
    ),

    -- The neighbours of a checkpoint are the checkpoints before and after it. The excess of a checkpoint is
    -- the distance of its loss from the range between the losses of its neighbours. On a steep curve, the
    -- loss lies inside this range, so the excess is 0. The last checkpoint has one neighbour, so only a rise
    -- above the loss of this neighbour is an excess. The excess of the first checkpoint is null.
    measured as (
        select
            model_id,
            corpus_id,
            step,
            loss_nats,
            previous_loss_nats,
            next_loss_nats,
            multiIf(
                isNull(previous_loss_nats),
                null,
                isNull(next_loss_nats),
                greatest(loss_nats - previous_loss_nats, 0),
                loss_nats > greatest(previous_loss_nats, next_loss_nats),
                loss_nats - greatest(previous_loss_nats, next_loss_nats),
                greatest(least(previous_loss_nats, next_loss_nats) - loss_nats, 0)
            ) as excess_nats
        from neighbour
    )

select *
from measured

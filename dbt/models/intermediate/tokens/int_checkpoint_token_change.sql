{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["step", "direction", "change_rank"],
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    change as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            steps[ordinal - 1] as previous_step,
            steps[ordinal] as step,
            - toFloat64(log_prob_nats[ordinal - 1]) as previous_loss_nats,
            - toFloat64(log_prob_nats[ordinal]) as loss_nats,
            loss_nats - previous_loss_nats as change_nats,
            series_fingerprint
        from token_series
        array join range(2, toUInt32(length(steps) + 1)) as ordinal
        where not is_prompt
    ),

    -- Equal changes are ordered by the place of the token, so that two builds choose the same tokens.
    largest as (
        select
            model_id,
            corpus_id,
            step,
            previous_step,
            groupArraySorted({{ var("changed_tokens") }})
            ((- change_nats, document_id, position, previous_loss_nats, loss_nats)) as risen,
            groupArraySorted({{ var("changed_tokens") }})
            ((change_nats, document_id, position, previous_loss_nats, loss_nats)) as fallen,
            any(series_fingerprint) as series_fingerprint
        from change
        group by model_id, corpus_id, step, previous_step
    ),

    direction as (
        select
            model_id,
            corpus_id,
            step,
            previous_step,
            arrayJoin([('rose', risen), ('fell', fallen)]) as chosen,
            series_fingerprint
        from largest
    ),

    ranked as (
        select
            model_id,
            corpus_id,
            step,
            previous_step,
            toLowCardinality(chosen .1) as direction,
            toInt64(change_rank) as change_rank,
            token .2 as document_id,
            token .3 as position,
            token .5 - token .4 as loss_change_nats,
            exp(token .4) as previous_token_perplexity,
            exp(token .5) as token_perplexity,
            series_fingerprint
        from direction
        array join chosen .2 as token, arrayEnumerate(chosen .2) as change_rank
        where if(chosen .1 = 'rose', loss_change_nats > 0, loss_change_nats < 0)
    )

select *
from ranked

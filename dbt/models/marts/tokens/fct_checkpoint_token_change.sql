{{ config(order_by=["corpus_id", "model_id", "step", "direction", "change_rank"]) }}

with
    change as (select * from {{ ref("int_checkpoint_token_change") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    pair as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    newest as (select model_id, corpus_id, max(step) as newest_step from change group by model_id, corpus_id),

    place as (
        select distinct tokenizer_id, corpus_id, document_id, position
        from change
        inner join pair using (model_id, corpus_id)
    ),

    {{ text_around("place") }},

    described as (
        select
            model.suite_id as suite_id,
            change.model_id as model_id,
            change.corpus_id as corpus_id,
            change.step as step,
            change.previous_step as previous_step,
            toBool(change.step = newest.newest_step) as is_newest,
            change.direction as direction,
            change.change_rank as change_rank,
            change.document_id as document_id,
            change.position as position,
            {{ text_beside("tokens", "change.position", "<") }} as text_before,
            {{ text_beside("tokens", "change.position", "=") }} as token_text,
            {{ text_beside("tokens", "change.position", ">") }} as text_after,
            concat(leftPad(toString(position), 4, '0'), ' · ', token_text) as token_label,
            change.loss_change_nats as loss_change_nats,
            change.previous_token_perplexity as previous_token_perplexity,
            change.token_perplexity as token_perplexity
        from change
        inner join model on change.model_id = model.model_id
        inner join pair on change.model_id = pair.model_id and change.corpus_id = pair.corpus_id
        inner join newest on change.model_id = newest.model_id and change.corpus_id = newest.corpus_id
        inner join
            context
            on pair.tokenizer_id = context.tokenizer_id
            and change.corpus_id = context.corpus_id
            and change.document_id = context.document_id
            and change.position = context.position
    )

select *
from described

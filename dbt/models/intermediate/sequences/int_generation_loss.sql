{{ config(materialized="view") }}

with
    generation as (
        select generation_key, generation_name, corpus_id
        from {{ ref("int_generation") }}
        where corpus_id != ''
    ),

    loss as (
        select *
        from {{ ref("int_sequence_loss") }}
        where (corpus_id, generation_key) in (select corpus_id, generation_key from generation)
    ),

    last_step as (
        select model_id, corpus_id, generation_key, max(step) as final_step
        from loss
        group by model_id, corpus_id, generation_key
    ),

    named as (
        select
            generation.generation_name as generation_name,
            loss.model_id as model_id,
            loss.corpus_id as corpus_id,
            loss.generation_key as generation_key,
            loss.step as step,
            loss.text_count as text_count,
            loss.document_block_count as document_block_count,
            loss.token_count as token_count,
            loss.loss_sum_nats as loss_sum_nats,
            loss.byte_count as byte_count,
            loss.loss_replicates_nats as loss_replicates_nats,
            loss.bits_per_byte_replicates as bits_per_byte_replicates,
            loss.loss_sum_nats / loss.token_count as loss_nats,
            toBool(loss.step = last_step.final_step) as is_final
        from loss
        inner join
            last_step
            on loss.model_id = last_step.model_id
            and loss.corpus_id = last_step.corpus_id
            and loss.generation_key = last_step.generation_key
        inner join generation on loss.generation_key = generation.generation_key
    )

select *
from named

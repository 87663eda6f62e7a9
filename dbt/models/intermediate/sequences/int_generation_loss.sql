{{ config(materialized="view") }}

with
    generation as (
        select generation_key, generation_name, corpus_id from {{ ref("int_generation") }} where corpus_id != ''
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
            loss.* except (series_fingerprint),
            loss_sum_nats / token_count as loss_nats,
            toBool(step = final_step) as is_final
        from loss
        inner join last_step using (model_id, corpus_id, generation_key)
        inner join generation using (generation_key)
    )

select *
from named

{{ config(order_by=["model_id", "corpus_id"]) }}

with
    score_ledger as (select * from {{ ref("stg_scoring__score_ledger") }} where is_current),

    document as (
        select corpus_id, document_id, scored_from_position, scored_from_byte, tokenizer_id, provenance
        from {{ ref("stg_corpora__document") }}
    ),

    sequence_document as (select corpus_id from {{ ref("int_sequence_document") }}),

    -- The marts of sequences and of phases are derived from the provenance of such texts, too.
    prompt_boundary as (
        select
            corpus_id,
            groupBitXor(
                if(
                    tokenizer_id = '' and scored_from_byte = 0,
                    cityHash64(document_id, scored_from_position),
                    cityHash64(document_id, scored_from_position, scored_from_byte, tokenizer_id, provenance)
                )
            ) as boundary_hash
        from document
        group by corpus_id
    ),

    -- A model that was scored without a beginning of a text has no scores of first tokens. If the corpus has
    -- such a model, the first token of every document is left out for all models, so that all are compared
    -- on the same positions.
    first_counted as (
        select corpus_id, toInt32(countIf(empty(text_beginning_token_ids)) > 0) as counted_from_position
        from score_ledger
        group by corpus_id
    ),

    -- This dbt model is a table, not a view, because the fingerprint must be stored before the dbt models
    -- downstream read the scores. If scores change after the fingerprint is stored, the next build finds a
    -- different fingerprint, and these dbt models read the scores again. The fingerprint also changes when
    -- scored first tokens begin or cease to be left out.
    fingerprinted as (
        select
            model_id,
            corpus_id,
            max(tokenizer_id) as tokenizer_id,
            toInt64(count()) as checkpoint_count,
            sum(score_count) as score_count,
            any(first_counted.counted_from_position) as counted_from_position,
            toBool(countIf(corpus_id in (select corpus_id from sequence_document)) > 0) as is_sequence_corpus,
            cityHash64(
                any(boundary_hash) + (counted_from_position > 0 and notEmpty(any(text_beginning_token_ids))),
                arraySort(groupArray((step, score_key, score_ledger.score_count, log_prob_sum_nats)))
            ) as series_fingerprint
        from score_ledger
        left join prompt_boundary using (corpus_id)
        left join first_counted using (corpus_id)
        group by model_id, corpus_id
    )

select *
from fingerprinted

{{ config(materialized="view") }}

with
    document as (
        select corpus_id, document_id, document_name, document_kind, byte_count from {{ ref("dim_document") }}
    ),

    -- The texts of corpora that Trailhouse generated are read in fct_generated_token.
    pair as (select model_id, corpus_id from {{ ref("int_text_series_fingerprint") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    readable as (
        select
            model.suite_id as suite_id,
            pair.model_id as model_id,
            document.corpus_id as corpus_id,
            document.document_id as document_id,
            document.document_name as document_name,
            document.document_kind as document_kind,
            document.byte_count as byte_count
        from pair
        inner join model on pair.model_id = model.model_id
        inner join document on pair.corpus_id = document.corpus_id
    )

select *
from readable

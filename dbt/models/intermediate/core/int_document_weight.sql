{{ config(order_by=["corpus_id", "document_id"]) }}

with
    document as (select corpus_id, document_id from {{ ref("stg_corpora__document") }}),

    weighted as (
        select corpus_id, document_id, {{ document_weights("corpus_id", "document_id") }} as weights
        from document
    )

select *
from weighted

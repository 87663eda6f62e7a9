{{ config(materialized="view") }}

with
    document as (select * from {{ ref("stg_corpora__document") }}),

    described as (
        select
            corpus_id,
            document_id,
            {{ visible_text("document.document_name") }} as document_name,
            document_kind,
            document_sha256,
            toInt64(length(document_text)) as byte_count,
            scored_from_position
        from document
    )

select *
from described

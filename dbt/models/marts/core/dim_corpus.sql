{{ config(order_by=["corpus_id"]) }}

with
    corpus as (select * from {{ ref("stg_corpora__corpus") }}),

    document as (
        select corpus_id, document_kind, scored_from_position, scored_from_byte
        from {{ ref("stg_corpora__document") }}
    ),

    document_summary as (
        select
            corpus_id,
            arraySort(groupUniqArray(toString(document_kind))) as document_kinds,
            toInt64(countIf(scored_from_position > 0 or scored_from_byte > 0)) as prompted_document_count
        from document
        group by corpus_id
    ),

    described as (
        select
            corpus.corpus_id as corpus_id,
            corpus_description,
            corpus_source,
            corpus_sha256,
            document_count,
            byte_count,
            arrayStringConcat(document_kinds, ', ') as document_kinds,
            prompted_document_count
        from corpus
        left join document_summary on corpus.corpus_id = document_summary.corpus_id
    )

select *
from described

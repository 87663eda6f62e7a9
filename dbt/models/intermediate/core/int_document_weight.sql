{{ config(order_by=["corpus_id", "document_id"], query_settings={"max_block_size": 4096}) }}

with
    document as (
        select corpus_id, document_id, {{ document_block("document_id") }} as document_block
        from {{ ref("stg_corpora__document") }}
        where corpus_id not in (select corpus_id from {{ ref("int_sequence_document") }})
    ),

    block as (select distinct corpus_id, document_block from document),

    weighted as (
        select corpus_id, document_block, {{ document_weights("corpus_id", "document_block") }} as weights
        from block
    ),

    described as (
        select
            document.corpus_id as corpus_id,
            document.document_id as document_id,
            document.document_block as document_block,
            weighted.weights as weights
        from document
        inner join
            weighted
            on document.corpus_id = weighted.corpus_id
            and document.document_block = weighted.document_block
    )

select *
from described

{{ config(order_by=["origin_corpus_id", "document_block"], query_settings={"max_block_size": 4096}) }}

with
    block as (select distinct origin_corpus_id, document_block from {{ ref("int_sequence_document") }}),

    weighted as (
        select
            origin_corpus_id,
            document_block,
            {{ document_weights("origin_corpus_id", "document_block") }} as weights
        from block
    )

select *
from weighted

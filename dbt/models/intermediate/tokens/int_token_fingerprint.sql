{{ config(order_by=["tokenizer_id", "corpus_id"]) }}

with
    token as (
        select *
        from {{ ref("stg_corpora__token") }}
        where corpus_id not in (select corpus_id from {{ ref("int_sequence_document") }})
    ),

    function_word as (select groupBitXor(cityHash64(word)) as word_hash from {{ ref("function_word") }}),

    fingerprinted as (
        select
            tokenizer_id,
            corpus_id,
            cityHash64(
                any(word_hash),
                count(),
                groupBitXor(cityHash64(document_id, position, token_id, token_text, is_word_initial))
            ) as token_fingerprint
        from token
        cross join function_word
        group by tokenizer_id, corpus_id
    )

select *
from fingerprinted

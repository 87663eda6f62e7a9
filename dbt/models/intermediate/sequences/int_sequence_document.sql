{{ config(order_by=["corpus_id", "document_id"]) }}

with
    document as (
        select corpus_id, document_id, document_kind, tokenizer_id, provenance
        from {{ ref("stg_corpora__document") }}
        where document_kind in ('corrupted', 'generated')
    ),

    -- Texts that were made elsewhere and added as a corpus have no such provenance.
    described as (
        select
            corpus_id,
            document_id,
            JSONExtractString(provenance, 'generation_key') as generation_key,
            toLowCardinality(JSONExtractString(provenance, 'corruption_kind')) as corruption_kind,
            toLowCardinality(
                JSONExtractString(provenance, if(generation_key = '', 'source_corpus_id', 'prompt_corpus_id'))
            ) as origin_corpus_id,
            toInt32(
                JSONExtractInt(
                    provenance, if(generation_key = '', 'source_document_id', 'prompt_document_id')
                )
            ) as origin_document_id,
            {{ document_block("origin_document_id") }} as document_block,
            tokenizer_id,
            JSONExtractFloat(provenance, 'corruption_rate') as corruption_rate,
            toLowCardinality(JSONExtractString(provenance, 'corruption_unit')) as corruption_unit,
            JSONExtractInt(provenance, 'seed') as seed,
            toInt64(JSONExtractInt(provenance, 'changed_token_count')) as changed_token_count,
            toInt64(JSONExtractInt(provenance, 'source_token_count')) as source_token_count,
            toInt64(JSONExtractInt(provenance, 'vocabulary_size')) as vocabulary_size
        from document
        where
            (document_kind = 'generated' and generation_key != '')
            or (document_kind = 'corrupted' and corruption_kind != '')
    )

select *
from described

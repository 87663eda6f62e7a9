with
    -- FINAL is not needed because the documents of a corpus are replaced together, as one partition.
    source as (select * from {{ source("corpora", "raw_document") }}),

    renamed as (
        select
            corpus_id,
            document_id,
            document_name,
            text as document_text,
            toString(document_sha256) as document_sha256,
            kind as document_kind,
            provenance,
            scored_from_position,
            tokenizer_id,
            scored_from_byte
        from source
    )

select *
from renamed

with
    -- FINAL: superseded rows stay in the table until it is merged; only the latest row counts.
    source as (select * from {{ source("corpora", "raw_corpus") }} final),

    renamed as (
        select
            corpus_id,
            description as corpus_description,
            source as corpus_source,
            toString(corpus_sha256) as corpus_sha256,
            document_count,
            byte_count
        from source
    )

select *
from renamed

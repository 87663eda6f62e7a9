with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
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

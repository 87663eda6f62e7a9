with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("phases", "raw_word_vectors") }} final),

    renamed as (
        select
            vectors_id,
            origin as vectors_origin,
            source as vectors_source,
            toString(sha256) as vectors_sha256,
            dimension,
            vocabulary_count,
            settings as vectors_settings
        from source
    )

select *
from renamed

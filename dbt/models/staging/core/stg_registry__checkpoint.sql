with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("registry", "raw_checkpoint") }} final),

    renamed as (
        select
            model_id,
            step,
            tokens_seen,
            source as checkpoint_source,
            revision,
            commit_hash,
            toString(weights_sha256) as weights_sha256,
            toString(config_sha256) as config_sha256,
            tokenizer_id,
            size_bytes,
            audit_status,
            discovered_at
        from source
    )

select *
from renamed

with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the
    -- table.
    source as (select * from {{ source("sequences", "raw_generated_text") }} final),

    renamed as (
        select
            toString(generation_key) as generation_key,
            prompt_document_id,
            token_ids,
            is_fallback,
            small_log_prob_nats,
            large_log_prob_nats
        from source
    )

select *
from renamed

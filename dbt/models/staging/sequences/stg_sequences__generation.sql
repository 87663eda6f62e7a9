with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the
    -- table.
    source as (select * from {{ source("sequences", "raw_generation") }} final),

    renamed as (
        select
            toString(generation_key) as generation_key,
            small_model_id,
            small_step,
            toString(small_weights_sha256) as small_weights_sha256,
            large_model_id,
            large_step,
            toString(large_weights_sha256) as large_weights_sha256,
            tokenizer_id,
            prompt_corpus_id,
            toString(prompt_corpus_sha256) as prompt_corpus_sha256,
            prompt_token_count,
            new_token_count,
            method as decoding_method,
            small_weight,
            large_weight,
            plausibility,
            decoding_name,
            sampling,
            top_p,
            seed,
            settings as generation_settings
        from source
    )

select *
from renamed

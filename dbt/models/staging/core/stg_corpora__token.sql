with
    -- FINAL is not needed because the tokens of a corpus are replaced together, as one partition.
    source as (select * from {{ source("corpora", "raw_token") }}),

    renamed as (
        select
            tokenizer_id,
            corpus_id,
            document_id,
            position,
            token_id,
            token_text,
            byte_start,
            byte_end,
            toInt32(byte_end - byte_start) as byte_count,
            character_start,
            character_end,
            word_index,
            is_word_initial
        from source
    )

select *
from renamed

with
    -- FINAL is not needed because the similarities of a corpus are replaced together, as one partition.
    source as (select * from {{ source("phases", "raw_semantic_similarity") }}),

    renamed as (
        select
            corpus_id,
            document_id,
            word_index,
            vectors_id,
            weighting,
            word,
            cosine_similarity,
            is_target_known,
            context_word_count,
            known_context_word_count
        from source
    )

select *
from renamed

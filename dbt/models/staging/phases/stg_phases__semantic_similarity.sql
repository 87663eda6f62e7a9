with
    -- FINAL is not needed because the similarities of a corpus are replaced together, as one
    -- partition. Rows of other texts than those that the corpus has now are outdated.
    source as (
        select *
        from {{ source("phases", "raw_semantic_similarity") }}
        where
            (corpus_id, toString(corpus_sha256))
            in (select corpus_id, corpus_sha256 from {{ ref("stg_corpora__corpus") }})
    ),

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
            known_context_word_count,
            context_word_limit
        from source
    )

select *
from renamed

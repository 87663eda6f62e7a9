with
    -- FINAL is not needed because the scores of a corpus are replaced together, as one partition.
    source as (select * from {{ source("phases", "raw_ngram_score") }}),

    renamed as (
        select
            corpus_id,
            document_id,
            unit,
            unit_index,
            ngram_corpus_id,
            vocabulary_id,
            provider,
            smoothing,
            ngram_order,
            log_prob_nats as ngram_log_prob_nats,
            matched_order
        from source
    )

select *
from renamed

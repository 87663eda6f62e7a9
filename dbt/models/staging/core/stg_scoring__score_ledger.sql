with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("scoring", "raw_score_ledger") }} final),

    renamed as (
        select
            model_id,
            corpus_id,
            step,
            toString(score_key) as score_key,
            toString(weights_sha256) as weights_sha256,
            toString(corpus_sha256) as corpus_sha256,
            tokenizer_id,
            settings as scoring_settings,
            score_count,
            log_prob_sum_nats,
            scoring_run_id,
            duration_seconds,
            is_complete,
            scored_at
        from source
        where {{ is_left_in() }}
    )

select *
from renamed

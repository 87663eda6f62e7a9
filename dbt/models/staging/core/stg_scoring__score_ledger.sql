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
            text_beginning_kind,
            text_beginning_token_ids,
            text_beginning_text,
            score_count,
            log_prob_sum_nats,
            scoring_run_id,
            duration_seconds,
            is_complete,
            scored_at
        from source
        where {{ is_left_in() }}
    ),

    -- The beginning of a text (such as BOS) changes every score. Scores of one model are compared over its
    -- steps, so only the scores with the latest beginning are current.
    compared as (
        select
            *,
            argMaxIf(text_beginning_token_ids, scored_at, is_complete) over (
                partition by model_id, corpus_id
            ) as latest_token_ids
        from renamed
    )

select
    * except (latest_token_ids),
    toBool(is_complete and text_beginning_token_ids = latest_token_ids) as is_current
from compared

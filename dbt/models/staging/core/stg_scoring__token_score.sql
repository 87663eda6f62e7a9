with
    complete_partition as (
        select partitionId(model_id, corpus_id, step) as partition_id
        from {{ ref("stg_scoring__score_ledger") }}
        where is_complete
    ),

    -- no FINAL: a checkpoint's scores are replaced whole, by their partition. Every column is named, because
    -- the log-probability is an alias; and the partition is chosen by its id, a constant of each part, which
    -- is ten times cheaper than comparing the key of every row
    token_score as (
        select model_id, corpus_id, step, document_id, position, log_prob_nats, entropy_nats, target_rank
        from {{ source("scoring", "raw_token_score") }}
        where _partition_id in (select partition_id from complete_partition)
    )

select *
from token_score

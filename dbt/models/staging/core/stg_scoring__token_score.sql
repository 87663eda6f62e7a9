with
    complete_partition as (
        select partitionId(model_id, corpus_id, step) as partition_id
        from {{ ref("stg_scoring__score_ledger") }}
        where is_complete
    ),

    -- No FINAL: the scores of a checkpoint are replaced together, as a partition. The columns are named
    -- because log_prob_nats is an alias, which * leaves out. Filtering on the partition id, a constant of
    -- each part, is ten times cheaper than comparing the key of every row.
    token_score as (
        select model_id, corpus_id, step, document_id, position, log_prob_nats, entropy_nats, target_rank
        from {{ source("scoring", "raw_token_score") }}
        where _partition_id in (select partition_id from complete_partition)
    )

select *
from token_score

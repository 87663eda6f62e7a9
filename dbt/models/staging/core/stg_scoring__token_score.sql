with
    current_partition as (
        select partitionId(model_id, corpus_id, step) as partition_id
        from {{ ref("stg_scoring__score_ledger") }}
        where is_current
    ),

    -- FINAL is not needed because the scores of a checkpoint on a corpus are replaced together, as one
    -- partition. All columns are named because * would leave out log_prob_nats, which is an ALIAS column.
    -- ClickHouse stores a table in parts, and all rows of a part have the same partition id. The filter by
    -- this id therefore reads or skips whole parts. A filter on model, corpus and step would compare every
    -- row and take ten times as long.
    token_score as (
        select
            model_id,
            corpus_id,
            step,
            document_id,
            position,
            log_prob_nats,
            if(quanta_per_nat = 0, 0., 1 / quanta_per_nat) as rounding_nats,
            entropy_nats,
            target_rank,
            next_word_log_prob_nats
        from {{ source("scoring", "raw_token_score") }}
        where _partition_id in (select partition_id from current_partition)
    )

select *
from token_score

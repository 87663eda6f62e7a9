{{ config(order_by=["corpus_id", "unit", "tokenizer_id"], query_settings={"max_block_size": 16}) }}

with
    block as (
        select corpus_id, unit, tokenizer_id, arrayJoin(document_blocks) as document_block
        from {{ ref("int_phase_unit_set") }}
    ),

    weighted as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            document_block,
            {{ document_weights("corpus_id", "document_block") }} as weights
        from block
    ),

    -- One array for each replicate, with the weights of the blocks in the order of their first units.
    gathered as (
        select
            weighted.corpus_id as corpus_id,
            weighted.unit as unit,
            weighted.tokenizer_id as tokenizer_id,
            arrayMap(
                pair -> pair .2, arraySort(pair -> pair .1, groupArray((document_block, weights)))
            ) as weights_by_block,
            arrayMap(
                replicate
                -> arrayMap(block_weights -> toFloat64(block_weights[replicate + 1]), weights_by_block),
                range({{ var("bootstrap_replicates") }})
            ) as replicate_weights
        from weighted
        group by corpus_id, unit, tokenizer_id
    )

select * except (weights_by_block)
from gathered

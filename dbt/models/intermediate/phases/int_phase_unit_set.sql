{{ config(order_by=["corpus_id", "unit", "tokenizer_id"]) }}

with
    measured_unit as (select * from {{ ref("int_phase_unit") }}),

    block as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            document_block,
            toUInt64(min(unit_ordinal)) as first_ordinal,
            count() as block_unit_count,
            arraySort(groupArray((unit_ordinal, split))) as splits,
            groupBitXor(
                cityHash64(document_id, unit_index, unit_ordinal, document_block, split)
            ) as block_hash
        from measured_unit
        group by corpus_id, unit, tokenizer_id, document_block
    ),

    described as (
        select
            corpus_id,
            unit,
            tokenizer_id,
            toInt64(sum(block_unit_count)) as unit_count,
            toInt64(count()) as document_block_count,
            arrayMap(pair -> pair .2, arraySort(arrayFlatten(groupArray(block.splits)))) as splits,
            arraySort(groupArray((first_ordinal, block_unit_count))) as block_ranges,
            arrayMap(
                pair -> pair .2, arraySort(groupArray((first_ordinal, document_block)))
            ) as document_blocks,
            groupBitXor(block_hash) as unit_set_hash
        from block
        group by corpus_id, unit, tokenizer_id
    )

select *
from described

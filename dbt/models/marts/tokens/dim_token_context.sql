{{ config(materialized="view") }}

with
    token_property as (select * from {{ ref("int_token_property") }}),

    -- The window is partitioned by the columns that readers filter on, so that only the requested documents
    -- are read.
    with_context as (
        select
            tokenizer_id,
            corpus_id,
            document_id,
            position,
            token_text,
            arrayStringConcat(groupArray(token_text) over before) as text_before,
            arrayStringConcat(groupArray(token_text) over after) as text_after
        from token_property
        window
            before as (
                partition by tokenizer_id, corpus_id, document_id
                order by position
                rows between 12 preceding and 1 preceding
            ),
            after as (
                partition by tokenizer_id, corpus_id, document_id
                order by position
                rows between 1 following and 12 following
            )
    )

select *
from with_context

{{ config(order_by=["corpus_id", "unit", "tokenizer_id", "unit_ordinal"]) }}

with
    ngram_score as (
        select distinct
            corpus_id, unit, if(unit = 'token', vocabulary_id, '') as tokenizer_id, document_id, unit_index
        from {{ ref("stg_phases__ngram_score") }}
    ),

    similarity as (
        select distinct corpus_id, document_id, word_index as unit_index
        from {{ ref("stg_phases__semantic_similarity") }}
    ),

    predicted as (
        select
            toString(corpus_id) as corpus_id,
            toString(unit) as unit,
            toString(tokenizer_id) as tokenizer_id,
            document_id,
            unit_index
        from ngram_score
        union distinct
        select toString(corpus_id), 'word', '', document_id, unit_index
        from similarity
    ),

    document as (
        select
            corpus_id,
            document_id,
            document_kind = 'word-in-context' as is_word_in_context,
            JSONExtractInt(provenance, 'target_word_index') as target_word_index,
            JSONExtractString(provenance, 'split') as stated_split
        from {{ ref("stg_corpora__document") }}
        where corpus_id in (select corpus_id from predicted)
    ),

    token as (
        select
            toString(tokenizer_id) as tokenizer_id,
            toString(corpus_id) as corpus_id,
            document_id,
            position,
            word_index
        from {{ ref("stg_corpora__token") }}
        where
            (tokenizer_id, corpus_id) in (select tokenizer_id, corpus_id from predicted where unit = 'token')
    ),

    -- Of a word in context, only the target counts. In any other document, every unit with at
    -- least four units before it counts, so that the 5-gram of every unit is complete.
    measured as (
        select
            predicted.corpus_id as corpus_id,
            unit,
            predicted.tokenizer_id as tokenizer_id,
            predicted.document_id as document_id,
            predicted.unit_index as unit_index,
            {{ document_block("document_id", var("phase_blocks")) }} as document_block,
            if(
                is_word_in_context and stated_split in ('train', 'validation', 'test'), stated_split, 'all'
            ) as split
        from predicted
        inner join
            document
            on predicted.corpus_id = document.corpus_id
            and predicted.document_id = document.document_id
        left join
            token
            on predicted.tokenizer_id = token.tokenizer_id
            and predicted.corpus_id = token.corpus_id
            and predicted.document_id = token.document_id
            and predicted.unit_index = token.position
        where
            if(
                is_word_in_context,
                if(unit = 'word', predicted.unit_index, token.word_index) = target_word_index,
                predicted.unit_index >= 4
            )
    ),

    -- Of a large corpus, the units with the smallest hashes are measured.
    drawn as (
        select *
        from measured
        qualify
            row_number() over (
                partition by corpus_id, unit, tokenizer_id
                order by
                    sipHash64(document_id, unit_index, {{ var("bootstrap_seed") }}), document_id, unit_index
            )
            <= {{ var("phase_unit_limit") }}
    ),

    -- The units of a block of documents stand together.
    numbered as (
        select
            *,
            toUInt32(
                row_number() over (
                    partition by corpus_id, unit, tokenizer_id
                    order by document_block, document_id, unit_index
                )
            ) as unit_ordinal
        from drawn
    )

select *
from numbered

{{
    config(
        materialized="incremental",
        partition_by=["tokenizer_id", "corpus_id"],
        order_by=["document_id", "position"],
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_token_fingerprint'), 'tokenizer_id, corpus_id') }}",
    )
}}

with
    stale_pair as (
        {{ select_stale_pairs(ref("int_token_fingerprint"), "token_fingerprint", "tokenizer_id, corpus_id") }}
    ),

    token as (
        select *
        from {{ ref("stg_corpora__token") }}
        where (tokenizer_id, corpus_id) in (select tokenizer_id, corpus_id from stale_pair)
    ),

    function_word as (select word from {{ ref("function_word") }}),

    -- The neighbours of a token decide whether the token is a complete word. White space alone cannot decide
    -- this, because a word may also follow a bracket, as in "(the".
    neighboured as (
        select
            *,
            count() over (partition by tokenizer_id, corpus_id, token_id) as occurrence_count,
            any(token_text) over previous as previous_text,
            any(token_text) over next as next_text,
            replaceRegexpAll(token_text, '^[\\s\\pZ]+|[\\s\\pZ]+$', '') as trimmed_text
        from token
        window
            previous as (
                partition by tokenizer_id, corpus_id, document_id
                order by position
                rows between 1 preceding and 1 preceding
            ),
            next as (
                partition by tokenizer_id, corpus_id, document_id
                order by position
                rows between 1 following and 1 following
            )
    ),

    shaped as (
        select
            *,
            match(token_text, '^[\\s\\pZ]') or not match(previous_text, '[\\pL\\pM\\pN_]$') as is_word_start,
            match(token_text, '[\\s\\pZ]$') or not match(next_text, '^[\\pL\\pM\\pN_]') as is_word_end
        from neighboured
    ),

    described as (
        select
            tokenizer_id,
            corpus_id,
            document_id,
            position,
            token_id,
            token_text,
            word_index,
            toLowCardinality(
                multiIf(
                    position < 32,
                    'from 0',
                    position < 128,
                    'from 32',
                    position < 512,
                    'from 128',
                    position < 2048,
                    'from 512',
                    'from 2048'
                )
            ) as position_bucket,
            toLowCardinality(if(is_word_initial, 'word-initial', 'continuation')) as word_part,
            toLowCardinality(
                multiIf(
                    trimmed_text = '',
                    'whitespace',
                    match(trimmed_text, '^\\pN[\\pN.,]*$'),
                    'number',
                    match(trimmed_text, '^[\\pP\\pS]+$') and not match(trimmed_text, '\\x{FFFD}'),
                    'punctuation',
                    not match(trimmed_text, '^[\\pL\\pM]+$'),
                    'mixed',
                    not (is_word_start and is_word_end),
                    'word piece',
                    lowerUTF8(trimmed_text) in (select word from function_word),
                    'function word',
                    'content word'
                )
            ) as word_class,
            toInt64(shaped.occurrence_count) as occurrence_count,
            toLowCardinality(
                multiIf(
                    occurrence_count < 2,
                    'from 1',
                    occurrence_count < 10,
                    'from 2',
                    occurrence_count < 100,
                    'from 10',
                    occurrence_count < 1000,
                    'from 100',
                    'from 1000'
                )
            ) as frequency_bucket,
            stale_pair.token_fingerprint as token_fingerprint
        from shaped
        inner join
            stale_pair
            on shaped.tokenizer_id = stale_pair.tokenizer_id
            and shaped.corpus_id = stale_pair.corpus_id
    )

select *
from described

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["document_id", "position"],
        settings={"index_granularity": 512},
        projections=[pair_projection("series_fingerprint")],
        query_settings={"join_use_nulls": 1, "max_bytes_before_external_group_by": 4000000000},
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_series_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_series_fingerprint"), "series_fingerprint") }}),

    pair as (
        select model_id, corpus_id, tokenizer_id, counted_from_position
        from {{ ref("int_series_fingerprint") }}
    ),

    -- A pair is a language model and a corpus. A pair is stale if the fingerprint of its scores has changed.
    -- Models and corpora are filtered separately here, because ClickHouse then selects partitions without
    -- testing every row. The two filters also select some pairs that are not stale. The join below removes
    -- these pairs.
    token_score as (
        select model_id, corpus_id, document_id, position, step, log_prob_nats as score_nats
        from {{ ref("stg_scoring__token_score") }}
        where
            model_id in (select model_id from stale_pair) and corpus_id in (select corpus_id from stale_pair)
    ),

    document as (
        select corpus_id, document_id, document_kind, scored_from_position, scored_from_byte, tokenizer_id
        from {{ ref("stg_corpora__document") }}
        where corpus_id in (select corpus_id from stale_pair)
    ),

    token as (
        select tokenizer_id, corpus_id, document_id, position, byte_start, byte_count
        from {{ ref("stg_corpora__token") }}
        where corpus_id in (select corpus_id from stale_pair)
    ),

    -- A token that begins in the context of a word in context and ends in the word belongs to neither, so the
    -- word has no log-probability under this tokenizer.
    divided_word as (
        select distinct token.tokenizer_id, token.corpus_id, token.document_id
        from token
        inner join
            (select * from document where document_kind = 'word-in-context') as word
            on token.corpus_id = word.corpus_id
            and token.document_id = word.document_id
        where
            token.byte_start < word.scored_from_byte
            and token.byte_start + token.byte_count > word.scored_from_byte
    ),

    -- The array of steps and the array of log-probabilities are both sorted by step, because ClickHouse reads
    -- the scores in no fixed order.
    series as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            arraySort(groupArray(step)) as steps,
            arraySort((score, key) -> key, groupArray(score_nats), groupArray(step)) as log_prob_nats
        from token_score
        group by model_id, corpus_id, document_id, position
    ),

    -- A prompt ends at a position under the tokenizer that its text was made with, and at a byte under any
    -- other. In a text that was not made from tokens, it ends at a byte, or if none is given, at the same
    -- position under every tokenizer. If the bytes of the tokens are not known, a text with a prompt is left
    -- out. A word in context is left out if a token divides it from its context in the wrong place.
    described as (
        select
            series.model_id as model_id,
            series.corpus_id as corpus_id,
            series.document_id as document_id,
            series.position as position,
            toBool(
                series.position < coalesce(pair.counted_from_position, 0)
                or (pair.tokenizer_id, series.corpus_id, series.document_id)
                in (select tokenizer_id, corpus_id, document_id from divided_word)
                or if(
                    (coalesce(document.tokenizer_id, '') = '' and coalesce(document.scored_from_byte, 0) = 0)
                    or coalesce(document.tokenizer_id, '') = pair.tokenizer_id,
                    series.position < coalesce(document.scored_from_position, 0),
                    coalesce(
                        token.byte_start < document.scored_from_byte, document.scored_from_byte > 0, false
                    )
                )
            ) as is_prompt,
            token.byte_count as byte_count,
            cityHash64(series.steps) as step_set_id,
            series.steps as steps,
            series.log_prob_nats as log_prob_nats,
            stale_pair.series_fingerprint as series_fingerprint
        from series
        inner join
            stale_pair on series.model_id = stale_pair.model_id and series.corpus_id = stale_pair.corpus_id
        inner join pair on series.model_id = pair.model_id and series.corpus_id = pair.corpus_id
        left join
            document on series.corpus_id = document.corpus_id and series.document_id = document.document_id
        left join
            token
            on pair.tokenizer_id = token.tokenizer_id
            and series.corpus_id = token.corpus_id
            and series.document_id = token.document_id
            and series.position = token.position
    )

select *
from described

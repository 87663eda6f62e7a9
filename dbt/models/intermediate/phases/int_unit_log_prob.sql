{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["unit", "step"],
        settings={"index_granularity": 16},
        query_settings={"join_use_nulls": 0, "max_bytes_before_external_group_by": 4000000000},
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_fingerprint')) }}",
    )
}}

with
    stale_pair as (
        {{ select_stale_pairs(ref("int_phase_fingerprint"), "unit_fingerprint", carried="tokenizer_id") }}
    ),

    measured_unit as (
        select corpus_id, unit, tokenizer_id, document_id, unit_index, unit_ordinal
        from {{ ref("int_phase_unit") }}
        where corpus_id in (select corpus_id from stale_pair)
    ),

    unit_set as (select corpus_id, unit, tokenizer_id, unit_count from {{ ref("int_phase_unit_set") }}),

    token as (
        select
            toString(tokenizer_id) as tokenizer_id,
            toString(corpus_id) as corpus_id,
            document_id,
            position,
            word_index
        from {{ ref("stg_corpora__token") }}
        where (tokenizer_id, corpus_id) in (select tokenizer_id, corpus_id from stale_pair)
    ),

    -- A word consists of the tokens that begin in it.
    unit_span as (
        select
            token.tokenizer_id as tokenizer_id,
            token.corpus_id as corpus_id,
            'word' as unit,
            token.document_id as document_id,
            measured_unit.unit_ordinal as unit_ordinal,
            min(position) as first_position,
            max(position) as last_position
        from token
        inner join
            measured_unit
            on token.corpus_id = measured_unit.corpus_id
            and token.document_id = measured_unit.document_id
            and token.word_index = measured_unit.unit_index
        where measured_unit.unit = 'word'
        group by tokenizer_id, corpus_id, document_id, unit_ordinal
        union all
        select tokenizer_id, corpus_id, unit, document_id, unit_ordinal, unit_index, unit_index
        from measured_unit
        where unit = 'token'
    ),

    unit_token as (
        select
            *,
            toInt32(last_position - first_position + 1) as token_count,
            arrayJoin(range(first_position, last_position + 1)) as position
        from unit_span
    ),

    series as (
        select
            toString(model_id) as model_id,
            toString(corpus_id) as corpus_id,
            document_id,
            position,
            steps,
            log_prob_nats
        from {{ ref("int_token_series") }}
        where
            (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and (corpus_id, document_id, position)
            in (select corpus_id, document_id, position from unit_token)
            and not is_prompt
    ),

    next_word as (
        select
            toString(model_id) as model_id,
            toString(corpus_id) as corpus_id,
            step,
            document_id,
            position,
            assumeNotNull(next_word_log_prob_nats) as next_word_nats
        from {{ ref("stg_scoring__token_score") }}
        where
            model_id in (select model_id from stale_pair)
            and corpus_id in (select corpus_id from stale_pair)
            and next_word_log_prob_nats is not null
    ),

    -- After the last token of a word, a new word must begin, and it did so before its first token. The first
    -- token of a text has nothing before it.
    boundary as (
        select
            tokenizer_id,
            corpus_id,
            unit_ordinal,
            document_id,
            last_position as position,
            1 as boundary_sign,
            1 + (first_position > 0) as boundary_count
        from unit_span
        where unit = 'word'
        union all
        select
            tokenizer_id,
            corpus_id,
            unit_ordinal,
            document_id,
            first_position - 1 as position,
            -1 as boundary_sign,
            2 as boundary_count
        from unit_span
        where unit = 'word' and first_position > 0
    ),

    contribution as (
        select
            model_id,
            series.corpus_id as corpus_id,
            unit,
            unit_ordinal,
            step,
            toDecimal64(toFloat64(score_nats), 9) as score,
            toInt32(1) as scored_count,
            toInt32(token_count) as wanted_count,
            toInt32(0) as found_boundary_count,
            toInt32(0) as wanted_boundary_count,
            toDecimal64(0, 9) as correction
        from series
        inner join
            stale_pair on series.model_id = stale_pair.model_id and series.corpus_id = stale_pair.corpus_id
        inner join
            unit_token
            on stale_pair.tokenizer_id = unit_token.tokenizer_id
            and series.corpus_id = unit_token.corpus_id
            and series.document_id = unit_token.document_id
            and series.position = unit_token.position
        array join steps as step, log_prob_nats as score_nats
        union all
        select
            model_id,
            next_word.corpus_id as corpus_id,
            'word' as unit,
            unit_ordinal,
            step,
            toDecimal64(0, 9) as score,
            toInt32(0) as scored_count,
            toInt32(0) as wanted_count,
            toInt32(1) as found_boundary_count,
            toInt32(boundary_count) as wanted_boundary_count,
            toDecimal64(toFloat64(next_word_nats), 9) * boundary_sign as correction
        from next_word
        inner join
            stale_pair
            on next_word.model_id = stale_pair.model_id
            and next_word.corpus_id = stale_pair.corpus_id
        inner join
            boundary
            on stale_pair.tokenizer_id = boundary.tokenizer_id
            and next_word.corpus_id = boundary.corpus_id
            and next_word.document_id = boundary.document_id
            and next_word.position = boundary.position
    ),

    -- Scores are summed as decimals because a sum of floats would depend on the order of the rows. A word is
    -- missing at a step at which one of its tokens has no score.
    summed as (
        select
            model_id,
            corpus_id,
            unit,
            unit_ordinal,
            step,
            toFloat64(sum(score)) as log_prob,
            if(
                max(wanted_boundary_count) > 0 and sum(found_boundary_count) = max(wanted_boundary_count),
                toNullable(toFloat64(sum(score) + sum(correction))),
                null
            ) as corrected_log_prob
        from contribution
        group by model_id, corpus_id, unit, unit_ordinal, step
        having sum(scored_count) = max(wanted_count) and sum(scored_count) > 0
    ),

    gathered as (
        select
            model_id,
            corpus_id,
            unit,
            step,
            groupArray((unit_ordinal, toNullable(log_prob))) as log_prob_pairs,
            groupArray((unit_ordinal, corrected_log_prob)) as corrected_pairs
        from summed
        group by model_id, corpus_id, unit, step
    ),

    aligned as (
        select
            gathered.model_id as model_id,
            gathered.corpus_id as corpus_id,
            gathered.unit as unit,
            unit_set.tokenizer_id as tokenizer_id,
            step,
            toInt64(length(log_prob_pairs)) as scored_unit_count,
            {{ values_by_place("log_prob_pairs", "unit_set.unit_count") }} as log_prob_nats,
            {{ values_by_place("corrected_pairs", "unit_set.unit_count") }} as corrected_log_prob_nats,
            stale_pair.unit_fingerprint as unit_fingerprint
        from gathered
        inner join
            stale_pair
            on gathered.model_id = stale_pair.model_id
            and gathered.corpus_id = stale_pair.corpus_id
        inner join
            unit_set
            on gathered.corpus_id = unit_set.corpus_id
            and gathered.unit = unit_set.unit
            and unit_set.tokenizer_id = if(gathered.unit = 'token', stale_pair.tokenizer_id, '')
    )

select *
from aligned

{{ config(materialized="view") }}

with
    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    score_ledger as (select * from {{ ref("stg_scoring__score_ledger") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    -- These sums are derived on every corpus, also on those of corrupted and generated texts.
    perplexity_mart as (
        select model_id, corpus_id, step, exp(- log_prob_sum_nats / score_count) as perplexity
        from {{ ref("int_log_prob_by_checkpoint") }}
    ),

    -- If any model of a suite was scored on a corpus, every checkpoint of the suite is expected to be scored
    -- on this corpus.
    wanted_corpus as (
        select distinct model.suite_id as suite_id, score_ledger.corpus_id as corpus_id
        from score_ledger
        inner join model on score_ledger.model_id = model.model_id
    ),

    wanted as (
        select
            checkpoint.checkpoint_id as checkpoint_id,
            checkpoint.suite_id as suite_id,
            checkpoint.model_id as model_id,
            ifNull(wanted_corpus.corpus_id, '') as corpus_id,
            checkpoint.step as step,
            checkpoint.audit_status as audit_status,
            checkpoint.size_bytes as weights_size_bytes,
            checkpoint.discovered_at as discovered_at
        from checkpoint
        left join wanted_corpus on checkpoint.suite_id = wanted_corpus.suite_id
    ),

    -- If a left join finds no matching row, ClickHouse fills the joined columns with defaults or with nulls,
    -- depending on the session's setting join_use_nulls. Defaults and nulls are both treated as a missing
    -- row.
    tracked as (
        select
            wanted.checkpoint_id as checkpoint_id,
            wanted.suite_id as suite_id,
            wanted.model_id as model_id,
            wanted.corpus_id as corpus_id,
            wanted.step as step,
            wanted.audit_status as audit_status,
            wanted.weights_size_bytes as weights_size_bytes,
            wanted.discovered_at as discovered_at,
            ifNull(score_ledger.model_id, '') != '' as has_ledger_row,
            has_ledger_row and ifNull(score_ledger.is_complete, false) as is_scored,
            is_scored and not ifNull(score_ledger.is_current, false) as has_other_beginning,
            is_scored and ifNull(perplexity_mart.model_id, '') != '' as is_in_marts,
            if(is_scored, toNullable(score_ledger.scored_at), null) as scored_at,
            if(is_scored, toNullable(score_ledger.score_count), null) as score_count,
            if(is_scored, toNullable(score_ledger.duration_seconds), null) as duration_seconds,
            if(is_in_marts, toNullable(perplexity_mart.perplexity), null) as perplexity
        from wanted
        left join
            score_ledger
            on wanted.model_id = score_ledger.model_id
            and wanted.corpus_id = score_ledger.corpus_id
            and wanted.step = score_ledger.step
        left join
            perplexity_mart
            on wanted.model_id = perplexity_mart.model_id
            and wanted.corpus_id = perplexity_mart.corpus_id
            and wanted.step = perplexity_mart.step
    ),

    measured as (
        select
            *,
            multiIf(
                has_other_beginning,
                'other beginning',
                is_in_marts,
                'in the marts',
                is_scored,
                'scored',
                has_ledger_row,
                'interrupted',
                audit_status not in ('', 'ok'),
                'refused',
                'waiting'
            ) as pipeline_state,
            dateDiff('millisecond', discovered_at, scored_at) / 1000 as lag_seconds,
            dateDiff('second', scored_at, now()) as scored_age_seconds,
            if(duration_seconds > 0, score_count / duration_seconds, null) as scores_per_second
        from tracked
    )

select * except (has_ledger_row, is_scored, has_other_beginning, is_in_marts)
from measured

{{ config(materialized="view") }}

with
    score_ledger as (
        select
            model_id,
            corpus_id,
            'scoring' as run_kind,
            text_beginning_token_ids,
            text_beginning_text,
            is_current
        from {{ ref("stg_scoring__score_ledger") }}
        where is_complete
    ),

    evaluation as (
        select
            model_id,
            '' as corpus_id,
            'evaluation' as run_kind,
            text_beginning_token_ids,
            text_beginning_text,
            is_current
        from {{ ref("stg_tasks__evaluation") }}
        where text_beginning_kind != 'unknown'
    ),

    work as (
        select *
        from score_ledger
        union all
        select *
        from evaluation
    ),

    counted as (
        select
            model_id,
            toLowCardinality(toString(work.corpus_id)) as corpus_id,
            run_kind,
            anyIf(text_beginning_text, is_current) as text_beginning_text,
            toInt64(length(anyIf(text_beginning_token_ids, is_current))) as text_beginning_token_count,
            toInt64(countIf(is_current)) as current_count,
            toInt64(countIf(not is_current)) as left_out_count
        from work
        group by model_id, corpus_id, run_kind
    )

select *
from counted

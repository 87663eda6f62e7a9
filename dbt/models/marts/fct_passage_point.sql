{{ config(materialized="view") }}

with
    passage_series as (select * from {{ ref("fct_passage_series") }}),

    pair as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    token as (select * from {{ ref("stg_corpora__token") }}),

    checkpoint as (
        select
            model_id,
            corpus_id,
            step,
            arrayJoin({{ trajectory_axes("perplexity") }}) as axis_point,
            axis_point .1 as axis,
            assumeNotNull(axis_point .2) as axis_value
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
        where axis_point .2 is not null
    ),

    scored as (
        select suite_id, model_id, parameter_count, corpus_id, document_id, position, step, token_perplexity
        from passage_series
        array join steps as step, perplexities as token_perplexity
    ),

    labelled as (
        select
            scored.suite_id as suite_id,
            scored.model_id as model_id,
            scored.parameter_count as parameter_count,
            scored.corpus_id as corpus_id,
            scored.document_id as document_id,
            scored.position as position,
            concat(
                leftPad(toString(scored.position), 4, '0'), ' · ', {{ visible_text("token.token_text") }}
            ) as token_label,
            scored.step as step,
            checkpoint.axis as axis,
            checkpoint.axis_value as axis_value,
            scored.token_perplexity as token_perplexity
        from scored
        inner join pair on scored.model_id = pair.model_id and scored.corpus_id = pair.corpus_id
        inner join
            token
            on pair.tokenizer_id = token.tokenizer_id
            and scored.corpus_id = token.corpus_id
            and scored.document_id = token.document_id
            and scored.position = token.position
        inner join
            checkpoint
            on scored.model_id = checkpoint.model_id
            and scored.corpus_id = checkpoint.corpus_id
            and scored.step = checkpoint.step
    )

select *
from labelled

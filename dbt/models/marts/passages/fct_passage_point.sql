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

    -- This relation has one row per model, corpus and horizontal axis of the charts (step, tokens seen,
    -- training FLOPs, of two kinds, or validation perplexity). Arrays hold the steps and axis values of
    -- all checkpoints, so a token is joined to one row per axis instead of one row per checkpoint and
    -- axis.
    axis_curve as (
        select
            model_id, corpus_id, axis, groupArray(step) as axis_steps, groupArray(axis_value) as axis_values
        from checkpoint
        group by model_id, corpus_id, axis
    ),

    labelled as (
        select
            passage_series.suite_id as suite_id,
            passage_series.model_id as model_id,
            passage_series.parameter_count as parameter_count,
            passage_series.corpus_id as corpus_id,
            passage_series.document_id as document_id,
            passage_series.position as position,
            concat(
                leftPad(toString(passage_series.position), 4, '0'),
                ' · ',
                {{ visible_text("token.token_text") }}
            ) as token_label,
            axis_curve.axis as axis,
            arrayZip(
                passage_series.steps,
                arrayMap(step -> indexOf(axis_curve.axis_steps, step), passage_series.steps),
                passage_series.perplexities
            ) as points,
            axis_curve.axis_values as axis_values
        from passage_series
        inner join
            axis_curve
            on passage_series.model_id = axis_curve.model_id
            and passage_series.corpus_id = axis_curve.corpus_id
        inner join
            pair on passage_series.model_id = pair.model_id and passage_series.corpus_id = pair.corpus_id
        inner join
            token
            on pair.tokenizer_id = token.tokenizer_id
            and passage_series.corpus_id = token.corpus_id
            and passage_series.document_id = token.document_id
            and passage_series.position = token.position
    ),

    drawn as (
        select
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            document_id,
            position,
            token_label,
            point .1 as step,
            axis,
            axis_values[point .2] as axis_value,
            point .3 as token_perplexity
        from labelled
        array join arrayFilter(entry -> entry .2 > 0, points) as point
    )

select *
from drawn

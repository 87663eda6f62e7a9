{{ config(materialized="view") }}

with
    measured as (
        select suite_id, model_id, corpus_id, axis, axis_value, perplexity
        from {{ ref("fct_validation_perplexity_by_axis") }}
        where is_measured
    ),

    -- A model is shown beside every model that it is compared with. Its own line is there for each suite of
    -- these
    -- models, so that it stays when a reader chooses some of the suites.
    shown as (
        select model_id, corpus_id, reference_suite_id, reference_model_id as shown_model_id
        from {{ ref("fct_model_comparison") }}
        union distinct
        select distinct model_id, corpus_id, suite_id as reference_suite_id, model_id as shown_model_id
        from measured
        union distinct
        select distinct model_id, corpus_id, reference_suite_id, model_id as shown_model_id
        from {{ ref("fct_model_comparison") }}
    ),

    drawn as (
        select
            shown.model_id as model_id,
            shown.corpus_id as corpus_id,
            shown.reference_suite_id as reference_suite_id,
            if(
                shown.shown_model_id = shown.model_id,
                toString(shown.shown_model_id),
                concat(shown.shown_model_id, ' (reference)')
            ) as line_name,
            measured.axis as axis,
            measured.axis_value as axis_value,
            measured.perplexity as perplexity
        from shown
        inner join
            measured on shown.shown_model_id = measured.model_id and shown.corpus_id = measured.corpus_id
    )

select *
from drawn

{{ config(materialized="view") }}

with
    checkpoint as (
        select suite_id, model_id, corpus_id, step, train_flops_palm, perplexity
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    -- A model is shown beside every model that it is compared with. Its own line is there for
    -- each suite of these models, so that it stays when a reader chooses some of the suites.
    shown as (
        select model_id, corpus_id, reference_suite_id, reference_model_id as shown_model_id
        from {{ ref("fct_model_comparison") }}
        union distinct
        select distinct model_id, corpus_id, suite_id as reference_suite_id, model_id as shown_model_id
        from checkpoint
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
            checkpoint.step as step,
            checkpoint.train_flops_palm as train_flops_palm,
            checkpoint.perplexity as perplexity
        from shown
        inner join
            checkpoint
            on shown.shown_model_id = checkpoint.model_id
            and shown.corpus_id = checkpoint.corpus_id
    )

select *
from drawn

{{ config(materialized="view") }}

with
    model as (select * from {{ ref("stg_registry__model") }}),

    published_run as (select distinct model_size, seed from {{ ref("published_phase_correlation") }}),

    published_size as (select * from {{ ref("published_phase_model") }}),

    -- The runs with the seed 1234 are those of Pythia, the others those of PolyPythias.
    described as (
        select
            toString(model_id) as model_id,
            toString(suite_id) as suite_id,
            toString(architecture) as architecture,
            parameter_count,
            seed,
            batch_tokens,
            planned_steps,
            false as is_published
        from model
        union all
        select
            concat(
                'phases-published/pythia-',
                model_size,
                if(published_run.seed = 1234, '', concat('-seed', toString(published_run.seed)))
            ) as model_id,
            'phases-published' as suite_id,
            'gpt_neox' as architecture,
            parameter_count,
            toNullable(published_run.seed) as seed,
            batch_tokens,
            planned_steps,
            true as is_published
        from published_run
        inner join published_size using (model_size)
    )

select *
from described

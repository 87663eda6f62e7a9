{{ config(order_by=["suite_id", "parameter_count", "model_id"]) }}

with
    model as (select * from {{ ref("int_phase_model") }}),

    -- Of the published runs of a size, the page names the one whose name has no seed.
    described as (
        select
            suite_id,
            model_id,
            substringIndex(model_id, '/', -1) as model_name,
            architecture,
            parameter_count,
            seed,
            not is_published or not match(model_id, '-seed[0-9]+$') as is_named,
            is_published
        from model
    )

select *
from described

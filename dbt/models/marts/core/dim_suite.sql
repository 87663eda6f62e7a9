{{ config(order_by=["suite_id"]) }}

with
    model as (select suite_id, suite_description, model_id, parameter_count from {{ ref("dim_model") }}),

    -- Among equally large models, the first by name counts as the smallest and the last by name as the
    -- largest.
    described as (
        select
            suite_id,
            any(model.suite_description) as suite_description,
            toInt64(count()) as model_count,
            argMin(model_id, (parameter_count, model_id)) as smallest_model_id,
            argMax(model_id, (parameter_count, model_id)) as largest_model_id
        from model
        group by suite_id
    )

select *
from described

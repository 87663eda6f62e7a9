{{ config(order_by=["suite_id", "corpus_id", "parameter_count", "model_id"]) }}

with
    scored as (
        select distinct suite_id, model_id, parameter_count, corpus_id
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    model as (select model_id, model_name from {{ ref("dim_model") }}),

    named as (
        select
            scored.suite_id as suite_id,
            scored.corpus_id as corpus_id,
            scored.model_id as model_id,
            model.model_name as model_name,
            scored.parameter_count as parameter_count
        from scored
        inner join model on scored.model_id = model.model_id
    )

select *
from named

{{ config(materialized="view") }}

with
    token_series as (select * from {{ ref("int_token_series") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    described as (
        select
            model.suite_id as suite_id,
            token_series.model_id as model_id,
            model.parameter_count as parameter_count,
            token_series.corpus_id as corpus_id,
            token_series.document_id as document_id,
            token_series.position as position,
            token_series.steps as steps,
            token_series.log_prob_nats as log_prob_nats,
            arrayMap(score -> exp(- toFloat64(score)), log_prob_nats) as perplexities
        from token_series
        inner join model on token_series.model_id = model.model_id
    )

select *
from described

{{
    config(
        order_by=[
            "set_model_id",
            "corpus_id",
            "start_percent",
            "category",
            "selection",
            "model_id",
            "step",
        ],
    )
}}

with
    token_set as (
        select
            set_model_id, model_id, corpus_id, start_percent, category, step, token_count, log_prob_sum_nats
        from {{ ref("int_token_set_log_prob") }}
    ),

    odd_checkpoint_set as (select * from {{ ref("int_odd_checkpoint_token_set") }}),

    model as (select model_id, suite_id, parameter_count, seed from {{ ref("stg_registry__model") }}),

    validation as (select * from {{ ref("fct_validation_perplexity_by_checkpoint") }}),

    -- A set that was chosen in one model and is measured in another is free of the noise of the choice, too.
    twin as (
        select model.model_id as model_id, set_model.model_id as set_model_id
        from model
        inner join
            model as set_model
            on model.suite_id = set_model.suite_id
            and model.parameter_count = set_model.parameter_count
        where model.parameter_count > 0 and model.seed != set_model.seed
    ),

    selected as (
        select *, 'all checkpoints' as selection, false as is_held_out
        from token_set
        where set_model_id = model_id
        union all
        select *, 'another seed' as selection, true as is_held_out
        from token_set
        where (model_id, set_model_id) in (select model_id, set_model_id from twin)
        union all
        select
            model_id as set_model_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            step,
            token_count,
            log_prob_sum_nats,
            'odd checkpoints' as selection,
            is_held_out
        from odd_checkpoint_set
    ),

    described as (
        select
            selected.set_model_id as set_model_id,
            selected.start_percent as start_percent,
            toLowCardinality(selected.category) as category,
            toLowCardinality(selection) as selection,
            validation.suite_id as suite_id,
            selected.model_id as model_id,
            validation.parameter_count as parameter_count,
            selected.corpus_id as corpus_id,
            selected.step as step,
            validation.tokens_seen as tokens_seen,
            validation.fraction_of_training as fraction_of_training,
            validation.perplexity as validation_perplexity,
            toBool(selected.is_held_out) as is_held_out,
            selected.token_count as token_count,
            exp(- selected.log_prob_sum_nats / selected.token_count) as perplexity
        from selected
        inner join
            validation
            on selected.model_id = validation.model_id
            and selected.corpus_id = validation.corpus_id
            and selected.step = validation.step
    )

select *
from described

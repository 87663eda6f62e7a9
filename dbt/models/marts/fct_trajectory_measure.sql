{{
    config(
        engine="MergeTree()",
        order_by=[
            "corpus_id",
            "measure",
            "set_model_id",
            "start_percent",
            "category",
            "model_id",
            "step",
        ],
    )
}}

with
    token_set as (select * from {{ ref("fct_comparable_token_set_trajectory") }}),

    measured as (
        select
            corpus_id,
            toLowCardinality('token set loss') as measure,
            set_model_id,
            start_percent,
            category,
            suite_id,
            model_id,
            parameter_count,
            step,
            log(perplexity) as measure_value,
            validation_perplexity,
            train_flops_palm,
            tokens_seen
        from token_set
    )

select *
from measured

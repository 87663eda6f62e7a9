{{
    config(
        order_by=["set_model_id", "corpus_id", "start_percent", "category", "model_id"],
    )
}}

with
    token_set_trajectory as (select * from {{ ref("fct_comparable_token_set_trajectory") }}),

    rise_threshold as (
        select min(minimum_rise_nats) as minimum_rise_nats
        from {{ ref("rise_threshold") }}
        where loss_of = 'token set'
    ),

    curve as (
        select
            set_model_id,
            start_percent,
            category,
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            arraySort(groupArray(step)) as steps,
            arraySort((value, key) -> key, groupArray(perplexity), groupArray(step)) as perplexities,
            arraySort((value, key) -> key, groupArray(validation_perplexity), groupArray(step)) as validations
        from token_set_trajectory
        group by set_model_id, start_percent, category, suite_id, model_id, parameter_count, corpus_id
    ),

    turning_point as (
        select
            *,
            arrayMap(perplexity -> log(perplexity), perplexities) as losses,
            {{ double_descent_turning_points("losses") }}
        from curve
    ),

    described as (
        select
            set_model_id,
            start_percent,
            category,
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            steps[early] as minimum_step,
            perplexities[early] as minimum_perplexity,
            validations[early] as minimum_validation_perplexity,
            steps[peak] as peak_step,
            perplexities[peak] as peak_perplexity,
            validations[peak] as peak_validation_perplexity,
            steps[late] as later_minimum_step,
            perplexities[late] as later_minimum_perplexity,
            validations[late] as later_minimum_validation_perplexity,
            log(peak_perplexity / minimum_perplexity) as rise_nats,
            log(peak_perplexity / later_minimum_perplexity) as fall_nats,
            minimum_rise_nats,
            toBool(
                rise_nats >= minimum_rise_nats and later_minimum_perplexity < minimum_perplexity
            ) as is_double_descent
        from turning_point
        cross join rise_threshold
    )

select *
from described

{{ config(order_by=["model_id", "corpus_id", "minimum_rise_nats"]) }}

with
    token_double_descent as (select * from {{ ref("int_token_double_descent") }}),

    rise_threshold as (select minimum_rise_nats from {{ ref("rise_threshold") }} where loss_of = 'token'),

    validation as (
        select model_id, corpus_id, step, perplexity from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    -- Tokens are first counted by the step at which their loss peaks. Therefore, the join with the perplexity
    -- at the peak has one row per step instead of one row per token.
    peak_count as (
        select
            model_id,
            corpus_id,
            peak_step,
            minimum_rise_nats,
            count() as token_count,
            countIf(rise_nats >= minimum_rise_nats) as rise_count,
            countIf(rise_nats >= minimum_rise_nats and falls_below_minimum) as double_descent_count
        from token_double_descent
        cross join rise_threshold
        group by model_id, corpus_id, peak_step, minimum_rise_nats
    ),

    shared as (
        select
            any(model.suite_id) as suite_id,
            peak_count.model_id as model_id,
            any(model.parameter_count) as parameter_count,
            peak_count.corpus_id as corpus_id,
            minimum_rise_nats,
            toInt64(sum(peak_count.token_count)) as token_count,
            sum(rise_count) / token_count as rise_share,
            sum(double_descent_count) / token_count as double_descent_share,
            if(
                sum(double_descent_count) > 0,
                exp(sum(double_descent_count * log(validation.perplexity)) / sum(double_descent_count)),
                null
            ) as peak_validation_perplexity
        from peak_count
        left join
            validation
            on peak_count.model_id = validation.model_id
            and peak_count.corpus_id = validation.corpus_id
            and peak_count.peak_step = validation.step
        left join model on peak_count.model_id = model.model_id
        group by model_id, corpus_id, minimum_rise_nats
    )

select
    toLowCardinality(shared.suite_id) as suite_id,
    model_id,
    parameter_count,
    corpus_id,
    minimum_rise_nats,
    token_count,
    rise_share,
    double_descent_share,
    peak_validation_perplexity
from shared

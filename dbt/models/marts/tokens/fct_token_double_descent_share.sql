{{ config(order_by=["model_id", "corpus_id", "minimum_rise_nats"]) }}

with
    token_double_descent as (select * from {{ ref("int_token_double_descent") }}),

    permuted_double_descent as (select * from {{ ref("int_permuted_double_descent") }}),

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
            {{ document_block("document_id", var("jackknife_blocks")) }} as document_block,
            peak_step,
            minimum_rise_nats,
            count() as token_count,
            countIf(rise_nats >= minimum_rise_nats) as rise_count,
            countIf(rise_nats >= minimum_rise_nats and falls_below_minimum) as double_descent_count
        from token_double_descent
        cross join rise_threshold
        group by model_id, corpus_id, document_block, peak_step, minimum_rise_nats
    ),

    observed_group as (
        select
            model_id,
            corpus_id,
            document_block,
            minimum_rise_nats,
            sum(peak_count.token_count) as token_count,
            sum(peak_count.rise_count) as rise_count,
            sum(peak_count.double_descent_count) as double_descent_count,
            sum(peak_count.double_descent_count * log(validation.perplexity)) as peak_loss_sum_nats
        from peak_count
        left join
            validation
            on peak_count.model_id = validation.model_id
            and peak_count.corpus_id = validation.corpus_id
            and peak_count.peak_step = validation.step
        group by model_id, corpus_id, document_block, minimum_rise_nats
    ),

    permuted_group as (
        select
            model_id,
            corpus_id,
            {{ document_block("document_id", var("jackknife_blocks")) }} as document_block,
            minimum_rise_nats,
            count() as permuted_token_count,
            countIf(rise_nats >= minimum_rise_nats and falls_below_minimum) as permuted_count
        from permuted_double_descent
        cross join rise_threshold
        group by model_id, corpus_id, document_block, minimum_rise_nats
    ),

    shared as (
        select
            model_id,
            corpus_id,
            minimum_rise_nats,
            toInt64(sum(observed_group.token_count)) as token_count,
            sum(observed_group.rise_count) / token_count as rise_share,
            sum(observed_group.double_descent_count) / token_count as double_descent_share,
            if(
                sum(permuted_group.permuted_token_count) > 0,
                sum(permuted_group.permuted_count) / sum(permuted_group.permuted_token_count),
                null
            ) as null_share,
            if(
                sum(observed_group.double_descent_count) > 0,
                exp(sum(peak_loss_sum_nats) / sum(observed_group.double_descent_count)),
                null
            ) as peak_validation_perplexity,
            {{ sums_by_document("observed_group.double_descent_count", "observed_group.token_count") }}
            as sums
        from observed_group
        left join permuted_group using (model_id, corpus_id, document_block, minimum_rise_nats)
        group by model_id, corpus_id, minimum_rise_nats
    ),

    bounded as (
        select
            *,
            {{ jackknife_standard_error("sums") }} as standard_error,
            {{ effective_document_count("sums") }} as effective_count,
            {{
                document_jackknife_bound(
                    "double_descent_share", "standard_error", "length(sums)", "effective_count", "lower"
                )
            }} as share_lower,
            {{
                document_jackknife_bound(
                    "double_descent_share", "standard_error", "length(sums)", "effective_count", "upper"
                )
            }} as share_upper
        from shared
    )

select
    toLowCardinality(model.suite_id) as suite_id,
    bounded.model_id as model_id,
    model.parameter_count as parameter_count,
    bounded.corpus_id as corpus_id,
    minimum_rise_nats,
    token_count,
    rise_share,
    double_descent_share,
    if(share_lower is null, null, greatest(0., share_lower)) as double_descent_share_lower,
    if(share_upper is null, null, least(1., share_upper)) as double_descent_share_upper,
    null_share,
    double_descent_share - null_share as excess_share,
    peak_validation_perplexity
from bounded
left join model on bounded.model_id = model.model_id

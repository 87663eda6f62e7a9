{{
    config(
        order_by=["set_model_id", "corpus_id", "start_percent", "category", "model_id"],
    )
}}

with
    agreement as (select * from {{ ref("int_trend_agreement") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    either_side as (
        select set_model_id, model_id, corpus_id, start_percent, set_category, category, token_count
        from agreement
        union all
        select
            agreement.model_id as set_model_id,
            agreement.set_model_id as model_id,
            corpus_id,
            start_percent,
            agreement.category as set_category,
            agreement.set_category as category,
            token_count
        from agreement
    ),

    counted as (
        select
            set_model_id,
            model_id,
            corpus_id,
            start_percent,
            arrayJoin({{ determined_categories() }}) as trend,
            toInt64(sumIf(token_count, set_category = trend)) as set_token_count,
            toInt64(sumIf(token_count, category = trend)) as model_token_count,
            toInt64(sumIf(token_count, set_category = trend and category = trend)) as shared_token_count,
            toInt64(sum(token_count)) as total_token_count
        from either_side
        group by set_model_id, model_id, corpus_id, start_percent, trend
    ),

    -- expected_share is the value of contained_share that is expected if the two token sets are independent.
    -- For example, if the other model's set holds 30% of all tokens, it is expected to hold 30% of the set
    -- model's set.
    described as (
        select
            counted.set_model_id as set_model_id,
            set_model.parameter_count as set_parameter_count,
            counted.start_percent as start_percent,
            toLowCardinality(trend) as category,
            model.suite_id as suite_id,
            counted.model_id as model_id,
            model.parameter_count as parameter_count,
            counted.corpus_id as corpus_id,
            set_token_count,
            model_token_count,
            shared_token_count,
            if(
                set_token_count > 0 and model_token_count > 0,
                shared_token_count / (set_token_count + model_token_count - shared_token_count),
                null
            ) as jaccard_ratio,
            if(set_token_count > 0, shared_token_count / set_token_count, null) as contained_share,
            model_token_count / total_token_count as expected_share
        from counted
        left join model on counted.model_id = model.model_id
        left join model as set_model on counted.set_model_id = set_model.model_id
    )

select *
from described

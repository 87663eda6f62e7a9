{{
    config(
        order_by=["set_model_id", "corpus_id", "start_percent", "category", "selection", "model_id"],
    )
}}

with
    trajectory as (select * from {{ ref("fct_token_set_by_selection") }}),

    -- Only checkpoints from the start of the trend fit on are used. If the planned end of training is
    -- unknown, it is the last checkpoint.
    numbered as (
        select
            *,
            row_number() over (
                partition by set_model_id, corpus_id, start_percent, category, selection, model_id
                order by step
            ) as ordinal
        from
            (
                select
                    *,
                    max(step) over (
                        partition by set_model_id, corpus_id, start_percent, category, selection, model_id
                    ) as last_step
                from trajectory
            )
        where coalesce(fraction_of_training, step / greatest(1, last_step)) * 100 >= start_percent
    ),

    fitted as (
        select
            set_model_id,
            start_percent,
            category,
            selection,
            toLowCardinality(any(numbered.suite_id)) as suite_id,
            model_id,
            any(numbered.parameter_count) as parameter_count,
            corpus_id,
            toInt64(max(numbered.token_count)) as token_count,
            toInt64(countIf(not is_held_out)) as chosen_point_count,
            toInt64(countIf(is_held_out)) as held_out_point_count,
            max(ordinal) - min(ordinal) as window_length,
            if(
                chosen_point_count >= 3,
                window_length * simpleLinearRegressionIf(ordinal, log(perplexity), not is_held_out) .1,
                null
            ) as chosen_rise_nats,
            if(
                held_out_point_count >= 3,
                window_length * simpleLinearRegressionIf(ordinal, log(perplexity), is_held_out) .1,
                null
            ) as held_out_rise_nats,
            chosen_rise_nats - held_out_rise_nats as exaggeration_nats
        from numbered
        group by set_model_id, start_percent, category, selection, model_id, corpus_id
    )

select * except (window_length)
from fitted

{{
    config(
        order_by=[
            "suite_id",
            "corpus_id",
            "measure",
            "subject",
            "variant",
            "perplexity_level",
            "model_id",
        ],
    )
}}

{%- set curves = {
    "measure_value": "points",
    "measure_lower": "lower_points",
    "measure_upper": "upper_points",
} %}
{%- set spacing_nats = var("perplexity_level_spacing_nats", 0.1) %}

with
    trajectory as (
        select * except (validation_perplexity), assumeNotNull(validation_perplexity) as perplexity
        from {{ ref("fct_trajectory_measure") }}
        where validation_perplexity is not null
    ),

    curve as (
        select
            model_id,
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            any(parameter_count) as parameter_count,
            arraySort(groupArray(step)) as steps,
            {% for column, points in curves.items() %}
                arrayMap(
                    entry -> (entry .2, entry .3),
                    arraySort(groupArray((step, perplexity, toNullable({{ column }}))))
                ) as {{ points }} {{- "," if not loop.last }}
            {% endfor %}
        from trajectory
        group by
            suite_id, corpus_id, measure, subject, variant, set_model_id, start_percent, category, model_id
    ),

    -- The perplexity levels of a model run from its lowest perplexity up to the perplexity of its first
    -- checkpoint.
    levelled as (
        select
            *,
            arrayMap(point -> log(point .1), points) as losses,
            arrayJoin(
                range(
                    toInt64(ceil(arrayMin(losses) / {{ spacing_nats }})),
                    toInt64(ceil(losses[1] / {{ spacing_nats }}))
                )
            ) as level_number,
            exp(level_number * {{ spacing_nats }}) as perplexity_level,
            {{ first_index_at_level("points", "perplexity_level") }} as index
        from curve
    ),

    aligned as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            perplexity_level,
            model_id,
            parameter_count,
            steps[index - 1] as step_before,
            steps[index] as step_after,
            assumeNotNull(
                {{ value_at_equal_perplexity("points", "perplexity_level", "index") }}
            ) as measure_value,
            {{ value_at_equal_perplexity("lower_points", "perplexity_level", "index") }} as measure_lower,
            {{ value_at_equal_perplexity("upper_points", "perplexity_level", "index") }} as measure_upper
        from levelled
        where index > 1
    )

select *
from aligned

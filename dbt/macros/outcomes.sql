{# Exponential moving average of an array: s_1 = y_1, s_i = a y_i + (1 - a) s_(i-1). #}
{% macro exponential_average(values) -%}
    {%- set weight = var("smoothing_weight", 0.4) -%}
    arrayFold(
        (smoothed, y) -> arrayPushBack(
            smoothed, if(empty(smoothed), y, {{ weight }} * y + (1 - {{ weight }}) * smoothed[-1])
        ),
        {{ values }},
        emptyArrayFloat64()
    )
{%- endmacro %}

{#
    End of Wilson's score interval at 95% for a share p of n (Wilson 1927); sign is + or -. With n = 0 there is none.
#}
{% macro wilson_bound(share, count, sign) -%}
    {%- set z = 1.959963984540054 -%}
    (
        {{ share }} + {{ z * z / 2 }} / {{ count }}
        {{ sign }} {{ z }} * sqrt(
            greatest(0, {{ share }} * (1 - {{ share }})) / {{ count }}
            + {{ z * z / 4 }} / ({{ count }} * {{ count }})
        )
    )
    / (1 + {{ z * z }} / {{ count }})
{%- endmacro %}

{#
    Two-sided p-value of McNemar's exact test (McNemar 1947): with b and c discordant pairs, twice the binomial
    probability of at most min(b, c) of b + c at one half, at most 1.
#}
{% macro mcnemar_p_value(first_count, second_count) -%}
    {%- set n = "(" ~ first_count ~ " + " ~ second_count ~ ")" -%}
    least(
        1,
        2 * arraySum(
            k -> exp(lgamma({{ n }} + 1) - lgamma(k + 1) - lgamma({{ n }} - k + 1) - {{ n }} * log(2)),
            range(toUInt64(least({{ first_count }}, {{ second_count }}) + 1))
        )
    )
{%- endmacro %}

{# Points of the trajectories on every logarithmic axis; what is untrained or unknown has no place on one. #}
{% macro trajectory_points(trajectory) -%}
    select
        suite_id,
        corpus_id,
        measure,
        subject,
        variant,
        set_model_id,
        start_percent,
        category,
        model_id,
        measure_value,
        cityHash64(suite_id, corpus_id, measure, subject, variant, axis) as panel_id,
        toLowCardinality(axis_and_value .1) as axis,
        log(axis_and_value .2) as coordinate
    from {{ trajectory }}
    array join
        [
            ('parameters', toFloat64(parameter_count)),
            ('tokens seen', toFloat64(coalesce(tokens_seen, 0))),
            ('training FLOPs', coalesce(train_flops_palm, 0)),
            ('validation perplexity', coalesce(validation_perplexity, 0))
        ] as axis_and_value
    where step > 0 and axis_and_value .2 > 0
{%- endmacro %}

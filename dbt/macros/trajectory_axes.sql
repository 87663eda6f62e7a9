{#
    The axes that a trajectory can be drawn against, one row each: an array of (name, value) to be joined by
    arrayJoin. The names are what a person picks in a dashboard.
#}
{% macro trajectory_axes(validation_perplexity) -%}
    cast(
        [
            ('step', toNullable(toFloat64(step))),
            ('tokens seen', toNullable(toFloat64(tokens_seen))),
            ('training FLOPs', toNullable(toFloat64(train_flops_palm))),
            ('validation perplexity', toNullable(toFloat64({{ validation_perplexity }})))
        ],
        'Array(Tuple(String, Nullable(Float64)))'
    )
{%- endmacro %}

{#
    Rows with one point for every axis on which they have a place: the columns `axis` and `axis_value`.
#}
{% macro points_on_axes(relation) -%}
    select
        *,
        arrayJoin({{ trajectory_axes("validation_perplexity") }}) as axis_point,
        axis_point .1 as axis,
        assumeNotNull(axis_point .2) as axis_value
    from {{ relation }}
    where axis_point .2 is not null
{%- endmacro %}

{#
    Whether the curve was measured at the place, and not only drawn through it.
#}
{% macro is_measured_at_place() -%}
    cast(has(arrayMap(point -> point .1, curve.points), place.axis_value) as Bool)
{%- endmacro %}

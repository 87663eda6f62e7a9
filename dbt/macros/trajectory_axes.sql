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

{#
    Return one bound of Fisher's 95% interval of a correlation r of n independent points (Fisher 1921), or null for
    fewer than 4 points:

        tanh(atanh r +- 1.96 / sqrt(n - 3))
#}
{% macro fisher_bound(correlation, point_count, bound) -%}
    if(
        {{ point_count }} > 3 and abs({{ correlation }}) < 1,
        tanh(
            atanh({{ correlation }})
            {{ "-" if bound == "lower" else "+" }} 1.959963984540054
            / sqrt(greatest({{ point_count }}, 4) - 3)
        ),
        null
    )
{%- endmacro %}

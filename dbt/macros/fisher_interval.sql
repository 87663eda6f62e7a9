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

{#
    Return one bound of the 95% interval of Spearman's correlation r of n independent points, or null for fewer than 4
    points. Ranks vary more than values, so the standard error of atanh r has a larger numerator (Bonett and Wright 2000,
    Psychometrika 65(1)):

        tanh(atanh r +- 1.96 sqrt((1 + r^2 / 2) / (n - 3)))
#}
{% macro spearman_bound(correlation, point_count, bound) -%}
    if(
        {{ point_count }} > 3 and abs({{ correlation }}) < 1,
        tanh(
            atanh({{ correlation }})
            {{ "-" if bound == "lower" else "+" }} 1.959963984540054
            * sqrt((1 + {{ correlation }} * {{ correlation }} / 2) / (greatest({{ point_count }}, 4) - 3))
        ),
        null
    )
{%- endmacro %}

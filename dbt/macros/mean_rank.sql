{# Return the rank of a value within a group of rows, from 1. Equal values have the mean of their ranks. #}
{% macro mean_rank(value, group) -%}
    rank() over (partition by {{ group }} order by {{ value }})
    + (count() over (partition by {{ group }}, {{ value }}) - 1) / 2
{%- endmacro %}

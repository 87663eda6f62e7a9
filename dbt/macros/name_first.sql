{# Return the first five texts of an array, separated by commas, and how many more there are. #}
{% macro name_first(texts) -%}
    concat(
        arrayStringConcat(arraySlice({{ texts }}, 1, 5), ', '),
        if(length({{ texts }}) > 5, format(' and {} more', toString(length({{ texts }}) - 5)), '')
    )
{%- endmacro %}

{#
    Counts of tokens by every value of every property are held in one array, with one element for each pair of property
    and value in the variable `token_properties`. Few arrays take the place of many rows.
#}
{# Return the array of counts, as an aggregate over tokens. The columns of `int_token_property` hold ordinals of values. #}
{% macro count_by_token_property() -%}
    arrayConcat(
        {% for property in var("token_properties").values() %}
            countResample(1, {{ property["values"] | length + 1 }}, 1)
            ({{ property["column"] }})
            {{- "," if not loop.last }}
        {% endfor %}
    )
{%- endmacro %}

{# Return the columns of `int_token_property` with the ordinals of their values, from 1. #}
{% macro token_property_ordinals() -%}
    {% for property in var("token_properties").values() %}
        toUInt8(
            indexOf({{ property["values"] }}, toString({{ property["column"] }}))
        ) as {{ property["column"] }}
        {{- "," if not loop.last }}
    {% endfor %}
{%- endmacro %}

{# Return an array of (property, value), in the order of the array of counts. #}
{% macro token_property_slots() -%}
    {%- set slots = [] -%}
    {%- for name, property in var("token_properties").items() -%}
        {%- for value in property["values"] -%}
            {%- do slots.append("('" ~ name ~ "', '" ~ value ~ "')") -%}
        {%- endfor -%}
    {%- endfor -%}
    [{{ slots | join(", ") }}]
{%- endmacro %}

{#
    The categories of a token at all start points as one number, three bits for each start: 0 where training has
    not come as far as the start, else the place of the category in the list. Tokens with the same number follow
    the same trends, so that what is summed by category is summed by number first.
#}
{% macro trend_categories() -%} ['downward', 'other', 'stagnated', 'upward'] {%- endmacro %}

{# Adds up, over the rows of a token, the bits of each start. #}
{% macro encode_categories(start_percent, category) -%}
    sum(
        bitShiftLeft(
            toUInt64(indexOf({{ trend_categories() }}, {{ category }})),
            3 * (indexOf({{ var("trend_start_percents") }}, {{ start_percent }}) - 1)
        )
    )
{%- endmacro %}

{# Category at the start point with the ordinal given, from 1; empty where there is none. #}
{% macro decode_category(category_code, start_ordinal) -%}
    {{ trend_categories() }} [bitAnd(bitShiftRight({{ category_code }}, 3 * ({{ start_ordinal }} - 1)), 7)]
{%- endmacro %}

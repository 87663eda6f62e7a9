{#
    Return the value of a measure where a model first reaches a level of validation perplexity. This is the only
    interpolation of the project; the marts by axis use it for every axis.

    `curve` is an array of (x, y) in the order of training. The model first reaches the level x at the checkpoint
    `after`; `before` is the checkpoint before it. Between the two, the value is linear in ln x:

        t = (ln x - ln x_before) / (ln x_after - ln x_before)
        y = y_before + t (y_after - y_before)

    If `is_perplexity` is set, y is a perplexity, and the last line uses ln y instead of y.
#}
{% macro value_at_equal_perplexity(curve, level, index, is_perplexity=false) -%}
    {%- set scale, unscale = ("log", "exp") if is_perplexity else ("", "") -%}
    {#-
        the value is null if the level is never reached, was reached before the first checkpoint, or x_before has no log
    -#}
    multiIf(
        {{ index }} = 0,
        null,
        {{ curve }} [{{ index }}] .1 = {{ level }},
        toNullable({{ curve }} [{{ index }}] .2),
        {{ index }} = 1 or {{ curve }} [{{ index }} - 1] .1 <= 0,
        null,
        {{ unscale }} (
            {{ scale }} ({{ curve }} [{{ index }} - 1] .2)
            + ({{ scale }} ({{ curve }} [{{ index }}] .2) - {{ scale }} ({{ curve }} [{{ index }} - 1] .2))
            * (log({{ level }}) - log({{ curve }} [{{ index }} - 1] .1))
            / (log({{ curve }} [{{ index }}] .1) - log({{ curve }} [{{ index }} - 1] .1))
        )
    )
{%- endmacro %}

{#
    Return the index of the first checkpoint at or below the level, or at or above the level if x grows; 0 if there is
    none.
#}
{% macro first_index_at_level(curve, level, is_falling="true") -%}
    arrayFirstIndex(
        point -> if({{ is_falling }}, point .1 <= {{ level }}, point .1 >= {{ level }}), {{ curve }}
    )
{%- endmacro %}

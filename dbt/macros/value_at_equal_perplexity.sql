{#
    Return the value of a measure at the point of training where a model first reaches a level of validation perplexity.
    The marts by axis use this macro for every axis. The level is then a value on that axis, such as a step.

    `curve` is an array of (x, y) in the order of training. The model first reaches the level x at the checkpoint
    `after`; `before` is the checkpoint before it. Between the two checkpoints, the value is linear in ln x:

        t = (ln x - ln x_before) / (ln x_after - ln x_before)
        y = y_before + t (y_after - y_before)

    If `is_perplexity` is set, y is a perplexity, and the last line uses ln y instead of y.
#}
{% macro value_at_equal_perplexity(curve, level, index, is_perplexity=false) -%}
    {%- set scale, unscale = ("log", "exp") if is_perplexity else ("", "") -%}
    {#-
        the value is null if no checkpoint reaches the level, if the first checkpoint is already past the level, or if
        ln x_before is undefined
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
    Return the index of the first checkpoint that has reached the level, or 0 if no checkpoint has. `is_falling` is
    true if x falls during training. A checkpoint has then reached the level if its x is at or below the level. If x
    grows, its x must be at or above the level.
#}
{% macro first_index_at_level(curve, level, is_falling="true") -%}
    arrayFirstIndex(
        point -> if({{ is_falling }}, point .1 <= {{ level }}, point .1 >= {{ level }}), {{ curve }}
    )
{%- endmacro %}

{#
    A curve at any place between its points: straight between two of them on two logarithmic axes, null outside the
    curve and where the lower point has no logarithm. `curve` is an array of (x, y), ascending in x, y > 0. With
    `is_share` y is a share, which may be 0, on a linear axis.
#}
{% macro interpolate(curve, x, is_share=false) -%}
    {%- set scale, unscale = ("", "") if is_share else ("log", "exp") -%}
    arrayElement(
        arrayMap(
            upper -> multiIf(
                upper = 0,
                null,
                {{ curve }} [upper] .1 = {{ x }},
                toNullable({{ curve }} [upper] .2),
                upper = 1 or {{ curve }} [upper - 1] .1 <= 0,
                null,
                {{ unscale }} (
                    {{ scale }} ({{ curve }} [upper - 1] .2)
                    + ({{ scale }} ({{ curve }} [upper] .2) - {{ scale }} ({{ curve }} [upper - 1] .2))
                    * (log({{ x }}) - log({{ curve }} [upper - 1] .1))
                    / (log({{ curve }} [upper] .1) - log({{ curve }} [upper - 1] .1))
                )
            ),
            [arrayFirstIndex(point -> point .1 >= {{ x }}, {{ curve }})]
        ),
        1
    )
{%- endmacro %}

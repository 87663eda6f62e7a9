{#
    Return the two-sided p-value of McNemar's test (McNemar 1947) on paired outcomes. Two checkpoints answer the same
    items. Only the first checkpoint is right on b items, only the second is right on c items, and n = b + c. The exact
    p-value is

        p = min(1, 2 sum over k <= min(b, c) of C(n, k) / 2^n)

    The exact p-value is too large on average, because b is discrete. The mid-p-value (Lancaster 1961; Fagerland,
    Lydersen and Laake 2013) gives the observed count half of its weight:

        mid-p = 2 sum over k < min(b, c) of C(n, k) / 2^n + C(n, min(b, c)) / 2^n
#}
{% macro mcnemar_p_value(first_count, second_count) -%}
    {%- set least_count = "toUInt64(least(" ~ first_count ~ ", " ~ second_count ~ "))" -%}
    least(
        1,
        2 * arraySum(
            k -> {{ mcnemar_probability("k", first_count, second_count) }}, range({{ least_count }} + 1)
        )
    )
{%- endmacro %}

{% macro mcnemar_mid_p_value(first_count, second_count) -%}
    {%- set least_count = "toUInt64(least(" ~ first_count ~ ", " ~ second_count ~ "))" -%}
    least(
        1,
        2 * arraySum(k -> {{ mcnemar_probability("k", first_count, second_count) }}, range({{ least_count }}))
        + {{ mcnemar_probability(least_count, first_count, second_count) }}
    )
{%- endmacro %}

{# Return the probability that k of n = b + c differing items favour the first checkpoint, if both are equally good. #}
{% macro mcnemar_probability(k, first_count, second_count) -%}
    {%- set n = "(" ~ first_count ~ " + " ~ second_count ~ ")" -%}
    exp(lgamma({{ n }} + 1) - lgamma({{ k }} + 1) - lgamma({{ n }} - {{ k }} + 1) - {{ n }} * log(2))
{%- endmacro %}

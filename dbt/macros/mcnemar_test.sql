{#
    Return the two-sided p-value of McNemar's exact test (McNemar 1947) on paired outcomes. Two checkpoints
    answer the same items. Only the first checkpoint is right on b items, only the second is right on c items, and
    n = b + c:

        p = min(1, 2 sum over k <= min(b, c) of C(n, k) / 2^n)
#}
{% macro mcnemar_p_value(first_count, second_count) -%}
    {%- set n = "(" ~ first_count ~ " + " ~ second_count ~ ")" -%}
    least(
        1,
        2 * arraySum(
            k -> exp(lgamma({{ n }} + 1) - lgamma(k + 1) - lgamma({{ n }} - k + 1) - {{ n }} * log(2)),
            range(toUInt64(least({{ first_count }}, {{ second_count }}) + 1))
        )
    )
{%- endmacro %}

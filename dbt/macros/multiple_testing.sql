{#
    Return p-values adjusted for the number m of tests in a family. `p_rank` is the rank of the p-value in its family,
    from 1 for the smallest, and `test_count` is m. Equal p-values share a window frame and get the same value.

        Holm 1979                       max over j <= i of (m - j + 1) p_(j)
        Benjamini and Hochberg 1995     min over j >= i of m p_(j) / j
#}
{% macro holm_p_value(p_value, p_rank, test_count, family) -%}
    least(
        1,
        max(({{ test_count }} - {{ p_rank }} + 1) * {{ p_value }}) over (
            partition by {{ family }} order by {{ p_value }}
        )
    )
{%- endmacro %}

{% macro benjamini_hochberg_p_value(p_value, p_rank, test_count, family) -%}
    least(
        1,
        min({{ test_count }} * {{ p_value }} / {{ p_rank }}) over (
            partition by {{ family }} order by {{ p_value }} desc
        )
    )
{%- endmacro %}

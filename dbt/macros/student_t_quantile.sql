{#
    Return the 97.5th percentile of Student's t distribution. It is given by its Cornish-Fisher expansion around the
    percentile z of the normal distribution (Abramowitz and Stegun 1964, equation 26.7.5), exact to 1e-3 from 5 degrees
    of freedom.
#}
{% macro student_t_quantile(degrees_of_freedom) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set terms = [
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    ] -%}
    (
        {{ z }}
        {%- for term in terms %} + {{ term }} / pow({{ degrees_of_freedom }}, {{ loop.index }}) {%- endfor %}
    )
{%- endmacro %}

{#
    Return the 97.5th percentile of Student's t distribution for any number of degrees of freedom from 1. At the share u of
    the variation where the two-sided p-value is 0.05, t = sqrt(nu (1 - u) / u). It takes 50 bisections: compute it once for
    each number of degrees of freedom.
#}
{% macro exact_student_t_quantile(degrees_of_freedom) -%}
    sqrt({{ degrees_of_freedom }} * (1 / {{ critical_residual_share(degrees_of_freedom, 0.05) }} - 1))
{%- endmacro %}

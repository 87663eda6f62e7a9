{#
    Return the two-sided p-value of Student's t with nu degrees of freedom, computed from the correlation r of a fit.
    The statistic is t = r sqrt(nu) / sqrt(u), where u = 1 - r^2. For integer nu, its distribution function is a finite
    sum (Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4, cos^2 theta = u):

        even nu:  p = 1 - r S
        odd nu:   p = 1 - 2 / pi (asin r + r sqrt(u) S)
        S = sum over k < floor(nu / 2) of c_k u^k
        c_0 = 1,  c_k / c_(k-1) = (2 k - 1 + odd) / (2 k + odd),  odd = nu mod 2

    These forms lose precision where p is small, because p is then a small difference of numbers near 1. If the sum S
    had infinitely many terms, p would be exactly 0. Therefore p equals the sum of the terms that are missing in S. All
    of these terms are positive:

        p = r / sqrt(pi) sum over k >= 0 of u^h gamma(h + 1/2) / gamma(h + 1)
        h = nu / 2 + k

    The macro uses the finite sum S for p >= 1e-8. For smaller p it uses this infinite sum, up to the first term that is
    less than 1e-8 of the sum.

    Both sums are computed in blocks of eight terms. The gamma function gives the first term of a block, and Horner's
    rule the other seven. asin r is computed as atan2(r, sqrt(u)), because this stays precise where r is close to 1.
#}
{% macro student_t_p_value(correlation, residual_share, degrees_of_freedom) %}
    {%- set r, u, nu = correlation, residual_share, degrees_of_freedom -%}
    {%- set odd = "(" ~ nu ~ " % 2)" -%}
    {%- set terms = "intDiv(" ~ nu ~ ", 2)" -%}
    {%- set horner = namespace(tail="1") -%}
    {%- for i in range(7, 0, -1) -%}
        {%- set horner.tail -%}
            1 + (k + {{ i }} < {{ terms }}) * (2 * k + {{ 2 * i - 1 }} + {{ odd }}) / (2 * k + {{ 2 * i }} + {{ odd }}) * {{ u }} * ({{ horner.tail }})
        {%- endset -%}
    {%- endfor -%}
    {%- set series_sum -%}
        exp(lgamma(1 + {{ odd }} / 2) - lgamma(0.5 + {{ odd }} / 2)) * arraySum(
            k -> exp(
                k * log(greatest({{ u }}, 1e-300)) + lgamma(k + 0.5 + {{ odd }} / 2) - lgamma(k + 1 + {{ odd }} / 2)
            ) * ({{ horner.tail }}),
            range(0, greatest(0, {{ terms }}), 8)
        )
    {%- endset -%}
    {#- the branch for small p divides by log u. ClickHouse evaluates it for every row, so log u must never be 0 -#}
    {%- set log_u = "log(least(greatest(" ~ u ~ ", 1e-300), 0.9999999))" -%}
    {%- set tail = namespace(terms="1") -%}
    {%- for i in range(7, 0, -1) -%}
        {%- set tail.terms -%}
            1 + (2 * h + {{ 2 * i - 1 }}) / (2 * h + {{ 2 * i }}) * {{ u }} * ({{ tail.terms }})
        {%- endset -%}
    {%- endfor -%}
    arrayMap(
        p -> if(
            p < 1e-8,
            {{ r }}
            / sqrt(pi())
            * arraySum(
                h -> exp(h * {{ log_u }} + lgamma(h + 0.5) - lgamma(h + 1)) * ({{ tail.terms }}),
                arrayMap(
                    k -> {{ nu }} / 2 + k,
                    range(
                        0,
                        if(p < 1e-8, toUInt32(1 + log(1e-8 * greatest(1 - {{ u }}, 1e-7)) / {{ log_u }}), 0),
                        8
                    )
                )
            ),
            p
        ),
        [
            if(
                {{ odd }} = 0,
                1 - {{ r }} * {{ series_sum }},
                1 - 2 / pi() * (atan2({{ r }}, sqrt({{ u }})) + {{ r }} * sqrt({{ u }}) * {{ series_sum }})
            )
        ]
    )[1]
{%- endmacro %}

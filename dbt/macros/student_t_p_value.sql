{#
    Return the two-sided p-value of Student's t with nu degrees of freedom, computed from the correlation r of a fit.
    The statistic is t = r sqrt(nu) / sqrt(u), where u = 1 - r^2. nu may be any number above 0. An effective number of
    checkpoints is no integer.

    For the same r, the p-values with nu and with nu + 2 degrees of freedom differ by one term of a series (Abramowitz
    and Stegun 1964, equations 26.7.3 and 26.7.4). The macro sums eight terms and adds the p-value with nu + 16 degrees
    of freedom:

        p(nu) = r / sqrt(pi) sum over k < 8 of u^h gamma(h + 1/2) / gamma(h + 1) + p(nu + 16)
        h = nu / 2 + k

    All terms are positive, so small p-values lose no digits. p(nu + 16) = erfc(y / sqrt(2)) is the approximation of
    Hill 1970 (Communications of the ACM 13, algorithm 395), with n = nu + 16 and ln(1 + t^2 / n) = -ln u:

        a = n - 1/2,  b = 48 a^2,  z^2 = -a ln u
        y = z + (z^3 + 3 z) / b - (4 z^7 + 33 z^5 + 240 z^3 + 855 z) / (10 b (b + 0.8 z^4 + 100))

    The relative error of p is below 1e-10.
#}
{% macro student_t_p_value(correlation, residual_share, degrees_of_freedom) %}
    {%- set r, u, nu = correlation, residual_share, degrees_of_freedom -%}
    {#- ClickHouse evaluates the logarithm for every row, also where a fit is perfect and u is 0 -#}
    {%- set log_u = "log(greatest(" ~ u ~ ", 1e-300))" -%}
    {%- set a = "(" ~ nu ~ " + 15.5)" -%}
    {%- set b = "(48 * " ~ a ~ " * " ~ a ~ ")" -%}
    {%- set z_square = "(-" ~ a ~ " * " ~ log_u ~ ")" -%}
    {%- set horner = namespace(tail="1") -%}
    {%- for i in range(7, 0, -1) -%}
        {%- set horner.tail -%}
            1 + ({{ nu }} + {{ 2 * i - 1 }}) / ({{ nu }} + {{ 2 * i }}) * {{ u }} * ({{ horner.tail }})
        {%- endset -%}
    {%- endfor -%}
    (
        {{ r }}
        / sqrt(pi())
        * exp({{ nu }} / 2 * {{ log_u }} + lgamma({{ nu }} / 2 + 0.5) - lgamma({{ nu }} / 2 + 1))
        * ({{ horner.tail }})
        + erfc(
            sqrt({{ z_square }} / 2) * (
                1
                + ({{ z_square }} + 3) / {{ b }}
                - (((4 * {{ z_square }} + 33) * {{ z_square }} + 240) * {{ z_square }} + 855)
                / (10 * {{ b }} * ({{ b }} + 0.8 * {{ z_square }} * {{ z_square }} + 100))
            )
        )
    )
{%- endmacro %}

{#
    Return the share u of the variation that the residuals have where the p-value equals `significance_level`, by 50
    bisections. A fit is significant if its share is smaller. Where many fits have the same degrees of freedom, comparing
    shares costs less than computing p-values.
#}
{% macro critical_residual_share(degrees_of_freedom, significance_level) -%}
    arrayFold(
        (bounds, ordinal) -> if(
            {{
                student_t_p_value(
                    "sqrt(1 - (bounds.1 + bounds.2) / 2)",
                    "((bounds.1 + bounds.2) / 2)",
                    "toFloat64(" ~ degrees_of_freedom ~ ")",
                )
            }} < {{ significance_level }},
            ((bounds .1 + bounds .2) / 2, bounds .2),
            (bounds .1, (bounds .1 + bounds .2) / 2)
        ),
        range(50),
        (0., 1.)
    ) .1
{%- endmacro %}

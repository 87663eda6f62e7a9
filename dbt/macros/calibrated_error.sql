{#
    Return the expected value of |X - n p| for a binomially distributed X (de Moivre 1730; Diaconis and Zabell 1991):

        2 m C(n, m) p^m (1 - p)^(n - m + 1)    with m = floor(n p) + 1

    X is the number of right choices among n choices with confidence p, if the model is perfectly calibrated.
#}
{% macro mean_binomial_deviation(n, p) -%}
    {%- set m = "(floor(" ~ n ~ " * " ~ p ~ ") + 1)" -%}
    if(
        {{ p }} <= 0 or {{ p }} >= 1,
        0,
        2 * exp(
            log({{ m }})
            + lgamma({{ n }} + 1)
            - lgamma({{ m }} + 1)
            - lgamma(greatest({{ n }} - {{ m }}, 0) + 1)
            + {{ m }} * log({{ p }})
            + ({{ n }} - {{ m }} + 1) * log1p(-{{ p }})
        )
    )
{%- endmacro %}

{#
    Return the 95% point of a sum of absolute deviations with the given mean and variance. The sum is taken to have a
    gamma distribution, whose 95% point is that of Wilson and Hilferty 1931 with k = mean^2 / variance:

        mean (1 - 1 / 9k + z / 3 sqrt(k))^3    z = 95% point of the normal distribution
#}
{% macro calibrated_error_95_percent_point(mean, variance) -%}
    if(
        {{ variance }} > 0 and {{ mean }} > 0,
        {{ mean }} * pow(
            1
            - {{ variance }} / (9 * {{ mean }} * {{ mean }})
            + 1.6448536269514722 * sqrt({{ variance }}) / (3 * {{ mean }}),
            3
        ),
        {{ mean }}
    )
{%- endmacro %}

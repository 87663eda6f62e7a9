{#
    Return the lower (sign "-") or upper (sign "+") end of the interval that contains the perplexities of 95% of all sets
    of n tokens that can be drawn from the N tokens of a corpus. The tokens are drawn without replacement, so a set of all
    tokens has an interval of width 0. m, v and g are the mean, the variance and the skewness of the loss over the N
    tokens (int_loss_moment). The mean loss of a random set then has (Cochran 1977, Sampling Techniques, section 2.5)

        standard deviation  s = sqrt(v (N - n) / (n (N - 1)))
        skewness            h = g (N - 2 n) / (N - 2) sqrt((N - 1) / (n (N - n)))

    and the quantiles are those of the Cornish-Fisher expansion to its first term, which corrects a normal distribution
    for the skewness. z is the 97.5% point of the normal distribution:

        loss = m + s (-+ z + h (z^2 - 1) / 6)

    s h is computed at once, because h is undefined for n = N. A loss is never negative. `token_set` and `loss_moment` are
    the names of the joined relations; the first has n as its column `token_count`.
#}
{% macro random_set_bound(sign, token_set, loss_moment) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set n = "toFloat64(" ~ token_set ~ ".token_count)" -%}
    {%- set total = "toFloat64(" ~ loss_moment ~ ".token_count)" -%}
    exp(
        greatest(
            0,
            {{ loss_moment }}.mean_loss_nats {{ sign }} {{ z }} * sqrt(
                {{ loss_moment }}.loss_variance
                * greatest(0, {{ total }} - {{ n }})
                / ({{ n }} * greatest(1, {{ total }} - 1))
            )
            + if(
                {{ n }} < {{ total }},
                {{ (z * z - 1) / 6 }}
                * sqrt({{ loss_moment }}.loss_variance)
                * {{ loss_moment }}.loss_skewness
                * ({{ total }} - 2 * {{ n }})
                / ({{ n }} * greatest(1, {{ total }} - 2)),
                0
            )
        )
    )
{%- endmacro %}

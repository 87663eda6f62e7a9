{#
    Return the lower (sign "-") or upper (sign "+") end of Wilson's 95% score interval for a share p of n items (Wilson
    1927):

        (p + z^2 / 2n  +-  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    z is the 97.5% point of the normal distribution. n must be positive.
#}
{% macro wilson_bound(share, count, sign) -%}
    {%- set z = 1.959963984540054 -%}
    (
        {{ share }} + {{ z * z / 2 }} / {{ count }}
        {{ sign }} {{ z }} * sqrt(
            greatest(0, {{ share }} * (1 - {{ share }})) / {{ count }}
            + {{ z * z / 4 }} / ({{ count }} * {{ count }})
        )
    )
    / (1 + {{ z * z }} / {{ count }})
{%- endmacro %}

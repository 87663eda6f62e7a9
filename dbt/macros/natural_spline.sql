{#
    Return the columns of a natural cubic spline at x, without the constant (Hastie et al. 2009, equation 5.4), filled
    up with zeros to `column_count`. `knots` k_1, ..., k_K are ascending, k_1 = 0, k_K = 1 and 0 <= x <= 1:

        x,  d_1(x) - d_(K-1)(x),  ...,  d_(K-2)(x) - d_(K-1)(x),    d_j(x) = max(0, x - k_j)^3 / (1 - k_j)

    The spline is linear with two knots, and constant with one.
#}
{% macro natural_spline(x, knots, column_count) -%}
    arrayResize(
        arrayConcat(
            [{{ x }}],
            arrayMap(
                knot
                -> pow(greatest(0, {{ x }} - knot), 3) / (1 - knot)
                - pow(greatest(0, {{ x }} - {{ knots }} [-2]), 3) / (1 - {{ knots }} [-2]),
                arraySlice({{ knots }}, 1, -2)
            )
        ),
        {{ column_count }},
        toFloat64(0)
    )
{%- endmacro %}

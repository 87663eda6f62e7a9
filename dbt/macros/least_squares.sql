{#
    Return a matrix after the sweep operator (Goodnight 1979, The American Statistician 33(3)) has been applied to all
    of its rows but the last. `moments` holds the sums of products of the columns of a regression, row by row; the last
    column is the response. In the result,

        the last row holds the coefficients, and its last entry is the residual sum of squares.

    A column is left out, and its coefficient is 0, if the columns before it explain all but 1e-9 of it. The columns
    must therefore be scaled to a sum of squares near 1.
#}
{% macro swept(moments, width) -%}
    {%- set row = "arraySlice(matrix, pivot * " ~ width ~ " + 1, " ~ width ~ ")" -%}
    {%- set shifted = (
        "arrayMap((entry, place) -> entry - (place = pivot), " ~ row ~ ", range(" ~ width ~ "))"
    ) -%}
    arrayFold(
        (matrix, pivot) -> arrayMap(
            (entry, product, scale, place) -> multiIf(
                scale > 1e-9,
                entry - product / scale,
                intDiv(place, {{ width }}) = pivot or place % {{ width }} = pivot,
                0,
                entry
            ),
            matrix,
            {{ outer_product(shifted, shifted) }},
            arrayWithConstant({{ width * width }}, matrix[pivot * {{ width + 1 }} + 1]),
            range({{ width * width }})
        ),
        range({{ width - 1 }}),
        {{ moments }}
    )
{%- endmacro %}

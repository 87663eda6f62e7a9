{#
    Return the exponential moving average s of an array y. The weight a is the variable `smoothing_weight`:

        s_1 = y_1
        s_i = a y_i + (1 - a) s_(i-1)
#}
{% macro exponential_average(values) -%}
    {%- set weight = var("smoothing_weight", 0.4) -%}
    arrayFold(
        (smoothed, y) -> arrayPushBack(
            smoothed, if(empty(smoothed), y, {{ weight }} * y + (1 - {{ weight }}) * smoothed[-1])
        ),
        {{ values }},
        emptyArrayFloat64()
    )
{%- endmacro %}

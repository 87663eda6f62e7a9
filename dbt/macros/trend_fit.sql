{#
    Return an array with one sum per start point. Each sum is over the checkpoints of the trend fit from this
    start.

    The fit of a start point covers the last m checkpoints of a series, where m is the element of `fit_point_counts` for
    this start point. `cumulated` holds cumulative sums over the series in reverse order, so its element m is the sum
    over the fit.
#}
{% macro at_starts(cumulated) -%}
    array(
        {%- for _ in var("trend_start_percents") -%}
            {{ cumulated }} [fit_point_counts[{{ loop.index }}]] {{- ", " if not loop.last -}}
        {%- endfor -%}
    )
{%- endmacro %}

{# Return the value as Float32. A value beyond the range of Float32 becomes 3.4e38 or -3.4e38 instead of infinity. #}
{% macro saturate_float32(value) -%} toFloat32(greatest(-3.4e38, least(3.4e38, {{ value }}))) {%- endmacro %}

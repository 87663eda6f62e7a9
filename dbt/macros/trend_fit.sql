{#
    Sums of the fits of all start points at once. A fit covers the last m checkpoints of a series, so every sum it
    needs is element m of a cumulative sum over the series in reverse order.

    Returns an array with that element for each start point, where m is `fit_point_counts` of the start point.
#}
{% macro at_starts(cumulated) -%}
    array(
        {%- for _ in var("trend_start_percents") -%}
            {{ cumulated }} [fit_point_counts[{{ loop.index }}]] {{- ", " if not loop.last -}}
        {%- endfor -%}
    )
{%- endmacro %}

{# The value as Float32; beyond the range of Float32 its largest finite value instead of infinity. #}
{% macro saturate_float32(value) -%} toFloat32(greatest(-3.4e38, least(3.4e38, {{ value }}))) {%- endmacro %}

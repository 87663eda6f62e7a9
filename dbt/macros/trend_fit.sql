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

{#
    Return an array with one sum per start point, like `at_starts`. `term` is what is summed: an expression of the
    regressor x and the response y of a checkpoint, and of later_x and later_y of the next later checkpoint.

    Where `is_wide`, the sums over a fit are of responses that are scaled by the largest perplexity in the fit.
#}
{% macro sums_at_starts(cumulated, term) -%}
    if(
        is_wide,
        arrayMap(
            (points, scale) -> arraySum(
                (x, y, later_x, later_y) -> {{ term }},
                arraySlice(regressors_from_last, 1, points),
                {{ scaled_responses("log_ratios") }},
                arraySlice({{ shift_later("regressors_from_last") }}, 1, points),
                {{ scaled_responses(shift_later("log_ratios")) }}
            ),
            wide_point_counts,
            wide_scales
        ),
        {{ at_starts(cumulated) }}
    )
{%- endmacro %}

{# Return the responses of the last `points` checkpoints, scaled by exp(scale), the largest perplexity of a fit. #}
{% macro scaled_responses(log_ratios) -%}
    arrayMap(log_ratio -> exp(log_ratio - scale) - exp(- scale), arraySlice({{ log_ratios }}, 1, points))
{%- endmacro %}

{#
    Return an array with the element of the next later checkpoint in each place. Arrays begin with the newest checkpoint,
    whose regressor and response are 0. No checkpoint is later than the newest, so it gets 0.
#}
{% macro shift_later(values) -%} arrayPopBack(arrayPushFront({{ values }}, 0.)) {%- endmacro %}

{#
    Return the sum of (a_i - mean a) (b_(i - 1) - mean b) + (a_(i - 1) - mean a) (b_i - mean b) over all pairs of
    neighbouring checkpoints in a fit. `lag_sum` is the same sum without the means. `start_a` is a at the start of the
    fit; a is 0 at the last checkpoint.
#}
{% macro neighbour_covariation(lag_sum, sum_a, start_a, sum_b, start_b) -%}
    (
        {{ lag_sum }}
        - ({{ sum_b }} * (2 * {{ sum_a }} - {{ start_a }}) + {{ sum_a }} * (2 * {{ sum_b }} - {{ start_b }}))
        / fit_point_count
        + 2 * (fit_point_count - 1) * {{ sum_a }} * {{ sum_b }} / (fit_point_count * fit_point_count)
    )
{%- endmacro %}

{#
    Return a hash of the choices of a convention that the sums of a fit depend on. Conventions with the same hash share
    their fits.
#}
{% macro fit_id() -%} cityHash64(start_mapping, regressor, response, constant_tolerance) {%- endmacro %}

{#
    Return two columns of a fit: the absolute correlation of response and regressor, and the share of the variation of
    the response that the residuals have.
#}
{% macro fit_correlation() -%}
    if(is_constant, 0., sqrt(explained / (explained + residual))) as correlation,
    if(is_constant, 1., residual / (explained + residual)) as residual_share
{%- endmacro %}

{#
    Return the number of independent checkpoints that tell as much as the n checkpoints of a fit (Santer et al. 2000,
    Journal of Geophysical Research 105), at most n. rho is the lag-1 autocorrelation of the residuals e of the line:

        rho_1 = sum of e_i e_(i - 1) / sum of e_i^2
        rho   = (n rho_1 + 2) / (n - 4), between 0 and 1
        effective number = n (1 - rho) / (1 + rho)

    rho_1 is too small on average by (2 + 4 rho) / n, because the line is fitted to the same checkpoints. Below five
    checkpoints rho cannot be estimated, and the number is 0.
#}
{% macro effective_point_count() -%}
    if(
        fit_point_count < 5,
        0.,
        arrayMap(
            rho -> fit_point_count * (1 - rho) / (1 + rho),
            [
                greatest(
                    0.,
                    least(
                        1.,
                        (fit_point_count * residual_lag_sum / greatest(residual, 1e-300) + 2)
                        / greatest(fit_point_count - 4, 1)
                    )
                )
            ]
        )[1]
    )
{%- endmacro %}

{# Return the value as Float32. A value beyond the range of Float32 becomes 3.4e38 or -3.4e38 instead of infinity. #}
{% macro saturate_float32(value) -%} toFloat32(greatest(-3.4e38, least(3.4e38, {{ value }}))) {%- endmacro %}

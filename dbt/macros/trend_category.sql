{#
    Return the trend category of a token (Xia et al. 2023, section 3.1). The category depends on what the perplexity of
    the token does:

        upward:        rises significantly              (forgetting)
        downward:      falls significantly              (still learning)
        stagnated:     does neither, and
                       lower <= PPL_start / PPL_average <= upper and
                       lower <= PPL_last / PPL_average <= upper        (already learned)
        other:         anything else
        undetermined:  fewer than three checkpoints, so nothing can be tested

    Under the stagnation test `equivalence`, `is_flat` takes the place of the band: the trend is stagnated if it is shown
    to be nearly constant.

    `direction` is positive where the perplexity rises. Significance is tested first, so a significant trend inside the
    band is upward or downward, not stagnated. The list of categories is the variable `trend_categories` in
    dbt_project.yml. If `as_index`, the macro returns the index of the category in this list instead of its name, because
    numbers are counted quickly.
#}
{% macro trend_category(direction, is_flat=none, as_index=false) -%}
    multiIf(
        fit_point_count < 3,
        {{ trend_category_value("undetermined", as_index) }},
        is_significant and {{ direction }} > 0,
        {{ trend_category_value("upward", as_index) }},
        is_significant and {{ direction }} < 0,
        {{ trend_category_value("downward", as_index) }},
        {{ is_flat or is_within_band() }},
        {{ trend_category_value("stagnated", as_index) }},
        {{ trend_category_value("other", as_index) }}
    )
{%- endmacro %}

{# Return the name of a category as an SQL literal, or its index in the list of categories, from 1. #}
{% macro trend_category_value(category, as_index) -%}
    {{ var("trend_categories").index(category) + 1 if as_index else "'" ~ category ~ "'" }}
{%- endmacro %}

{# Return whether the perplexities at the start and the end of a fit are within the stagnation band. #}
{% macro is_within_band() -%}
    (
        start_to_average between stagnation_lower and stagnation_upper
        and end_to_average between stagnation_lower and stagnation_upper
    )
{%- endmacro %}

{#
    Return whether two one-sided tests show that the fitted loss changes by less than d = ln(stagnation_upper) from the
    start to the last checkpoint (Schuirmann 1987). b is the slope, s its standard error, x the regressor:

        t = (d / (x_last - x_start) - |b|) / s > quantile of Student's t at 1 - level

    With a level of 0.05, this means that the 90% interval of the change is within +-d. The response is a log-probability.
#}
{% macro is_equivalent_to_constant() -%}
    {%- set margin = "(log(stagnation_upper) / greatest(regressor_span, 1e-300) - abs(scaled_slope))" -%}
    {%- set variance = "(residual / greatest(regressor_variation, 1e-300))" -%}
    {%- set total = "greatest(" ~ margin ~ " * " ~ margin ~ " + " ~ variance ~ ", 1e-300)" -%}
    (
        {{ margin }} > 0
        and {{
            student_t_p_value(
                "(" ~ margin ~ " / sqrt(" ~ total ~ "))",
                "(" ~ variance ~ " / " ~ total ~ ")",
                "toFloat64(degrees_of_freedom)",
            )
        }} < 2 * significance_level
    )
{%- endmacro %}

{#
    Return the list of the trend categories without `undetermined`. An undetermined trend says nothing about the token.
    Marts leave such trends out: they are not counted, compared or drawn.
#}
{% macro determined_categories() -%}
    {{ return(var("trend_categories") | reject("equalto", "undetermined") | list) }}
{%- endmacro %}

{#
    Return the categories of one token at all start points as one number. Each start has three bits. The bits hold the
    index of the category in `trend_categories`, from 1, or 0 if training has not reached the start.

    Tokens with the same number have the same category at every start. Models therefore first sum by this number,
    because it has few different values, and then decode the categories.
#}
{% macro encode_categories(start_percent, category) -%}
    sum(
        bitShiftLeft(
            toUInt64(indexOf({{ var("trend_categories") }}, {{ category }})),
            3 * (indexOf({{ var("trend_start_percents") }}, {{ start_percent }}) - 1)
        )
    )
{%- endmacro %}

{#
    Return the category that `category_code` holds for one start point. `start_ordinal` is the ordinal of the start,
    from 1. The category is empty if training has not reached the start.
#}
{% macro decode_category(category_code, start_ordinal) -%}
    {{ var("trend_categories") }} [
        bitAnd(bitShiftRight({{ category_code }}, 3 * ({{ start_ordinal }} - 1)), 7)
    ]
{%- endmacro %}

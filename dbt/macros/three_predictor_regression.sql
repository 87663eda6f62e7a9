{#
    The regression of y on three predictors from their correlations in closed form, and what each predictor owns of R2.

    With the correlations r_yj of y with the predictors and r_jk among these, the inverse of the 3 x 3 matrix R of the r_jk
    is its adjugate divided by its determinant D. Then

        standardised coefficients   b = inverse(R) r_y
        R2                          sum over j of b_j r_yj
        standard error of b_j       sqrt((1 - R2) inverse(R)_jj / (n - 4))

    The macro returns columns: the determinant, the least tolerance (1 - R2 of one predictor on the others), the entries
    of the inverse, the standardised coefficients, R2, and the R2 of one predictor and of two.
#}
{% macro three_predictor_regression() -%}
    1 + 2 * r_12 * r_13 * r_23 - r_12 * r_12 - r_13 * r_13 - r_23 * r_23 as determinant,
    least(
        determinant / greatest(1 - r_23 * r_23, 1e-300),
        determinant / greatest(1 - r_13 * r_13, 1e-300),
        determinant / greatest(1 - r_12 * r_12, 1e-300)
    ) as least_tolerance,
    (1 - r_23 * r_23) / determinant as inverse_11,
    (1 - r_13 * r_13) / determinant as inverse_22,
    (1 - r_12 * r_12) / determinant as inverse_33,
    (r_13 * r_23 - r_12) / determinant as inverse_12,
    (r_12 * r_23 - r_13) / determinant as inverse_13,
    (r_12 * r_13 - r_23) / determinant as inverse_23,
    inverse_11 * r_y1 + inverse_12 * r_y2 + inverse_13 * r_y3 as standardised_1,
    inverse_12 * r_y1 + inverse_22 * r_y2 + inverse_23 * r_y3 as standardised_2,
    inverse_13 * r_y1 + inverse_23 * r_y2 + inverse_33 * r_y3 as standardised_3,
    standardised_1 * r_y1 + standardised_2 * r_y2 + standardised_3 * r_y3 as r_squared,
    r_y1 * r_y1 as r_squared_1,
    r_y2 * r_y2 as r_squared_2,
    r_y3 * r_y3 as r_squared_3,
    {{ r_squared_of_two("r_y1", "r_y2", "r_12") }} as r_squared_12,
    {{ r_squared_of_two("r_y1", "r_y3", "r_13") }} as r_squared_13,
    {{ r_squared_of_two("r_y2", "r_y3", "r_23") }} as r_squared_23
{%- endmacro %}

{# Return R2 of the regression on two predictors from the three correlations. #}
{% macro r_squared_of_two(first, second, between) -%}
    ({{ first }} * {{ first }} + {{ second }} * {{ second }} - 2 * {{ first }} * {{ second }} * {{ between }})
    / (1 - {{ between }} * {{ between }})
{%- endmacro %}

{#
    Return the share of R2 that a predictor owns (Lindeman, Merenda and Gold 1980; the Shapley value): the mean, over the
    six orders in which the predictors can enter, of what R2 gains when this one enters. It enters first or last in two
    orders each, and second in one order after either of the others. The shares add up to R2.
#}
{% macro shapley_share(own, other, another) -%}
    {%- set pair = "r_squared_" ~ [own, other] | sort | join("") -%}
    {%- set other_pair = "r_squared_" ~ [own, another] | sort | join("") -%}
    {%- set rest = "r_squared_" ~ [other, another] | sort | join("") -%}
    r_squared_{{ own }} / 3
    + ({{ pair }} - r_squared_{{ other }} + {{ other_pair }} - r_squared_{{ another }}) / 6
    + (r_squared - {{ rest }}) / 3
{%- endmacro %}

{#
    Return the means and the covariance matrix (with n) of the four columns of a regression over the words of one split;
    `mask` is 1 for these words.
#}
{% macro split_moments(mask, split) -%}
    {%- set columns = [] -%}
    {%- for column in ["z_y", "z_1", "z_2", "z_3"] -%}
        {%- do columns.append("arrayFilter((value, is_kept) -> is_kept, " ~ column ~ ", " ~ mask ~ ")") -%}
    {%- endfor -%}
    [
        {%- for column in columns %}arrayReduce('avg', {{ column }}){{ "," if not loop.last }}{%- endfor %}
    ] as {{ split }}_means,
    arrayReduce('covarPopMatrix', {{ columns | join(", ") }}) as {{ split }}_covariances
{%- endmacro %}

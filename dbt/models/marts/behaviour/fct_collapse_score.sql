{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
        query_settings={"join_use_nulls": 1},
    )
}}

{%- set knot_count = var("collapse_knot_count") -%}
{#- the columns of the regression are 1, the columns of the spline and the measure -#}
{%- set width = knot_count + 1 -%}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    point as ({{ trajectory_points("trajectory") }}),

    panel as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            axis,
            panel_id,
            toInt64(uniqExact(model_id)) as model_count,
            toInt64(count()) as point_count
        from point
        group by
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            axis,
            panel_id
    ),

    {{ moments_about_spline("point", knot_count) }},

    {{ permuted_models("stretch_moment", width) }},

    -- Curves of which the spline explains all but 1e-9 of the variance leave nothing to the models.
    scored as (
        select
            panel_id,
            replicate,
            {{ swept("inner_moments", width - 1) }} [-1] as spline_residual,
            {{ array_difference("inner_moments", "between_moments") }} as within_moments,
            if(
                spline_residual > 1e-9, 1 - {{ swept("within_moments", width - 1) }} [-1] / spline_residual, 0
            ) as score
        from permuted
    ),

    tested as (
        select
            panel_id,
            any(spline_residual) as unexplained_share,
            anyIf(score, replicate = 0) as collapse_score,
            arrayCount(permuted_score -> permuted_score >= collapse_score - 1e-9, groupArray(score))
            / count() as collapse_p_value
        from scored
        group by panel_id
    ),

    -- Each model is predicted from the curve of the others. With the coefficients of this curve and -1 as
    -- weights of the columns, the moments of the model give its squared error.
    predicted as (
        select
            panel_id,
            model_id,
            sumForEach(stretch_moment.moments) as own_moments,
            {{ array_difference("any(all_moments)", "own_moments") }} as other_moments,
            arrayPushBack(
                arraySlice({{ swept("other_moments", width) }}, - {{ width }}, {{ knot_count }}), -1
            ) as weights,
            arraySum(
                (moment, product) -> moment * product, own_moments, {{ outer_product("weights", "weights") }}
            ) as squared_error,
            other_moments[1] > any(knot_number) as is_predicted,
            any(variation) as variation
        from stretch_moment
        group by panel_id, model_id
    ),

    compared as (
        select
            panel_id,
            toInt64(count()) as compared_model_count,
            toInt64(round(sum(own_moments[1]))) as compared_point_count,
            if(
                min(is_predicted) = 1,
                sqrt(greatest(sum(squared_error), 0) * any(variation) / compared_point_count),
                null
            ) as left_out_error
        from predicted
        group by panel_id
    )

-- The last digits of a sum of floats depend on the order of the rows. Rounded values do not.
select
    panel.* except (panel_id),
    coalesce(compared_model_count, 0) as compared_model_count,
    coalesce(compared_point_count, 0) as compared_point_count,
    round(tested.collapse_score, 9) as collapse_score,
    collapse_p_value,
    round(compared.left_out_error, 9) as left_out_error,
    round(tested.unexplained_share, 9) as unexplained_share
from panel
left join compared using (panel_id)
left join tested using (panel_id)

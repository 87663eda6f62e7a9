{#
    Return CTEs that fit one smooth curve s(x) to the checkpoints of all models of a panel. `point` has one row per
    checkpoint and panel, with the columns panel_id, model_id, coordinate (x) and measure_value (y).

    Only the common range of the models is fitted: the checkpoints whose x lies between the lowest and the highest x of
    at least one other model. s is a natural cubic spline (dbt/macros/natural_spline.sql) whose knots are equally spaced
    quantiles of x; of equal knots, one is kept. Knots divide the range into stretches.

    The last CTE, `stretch_moment`, has one row per panel, stretch and model. `moments` are the sums of products of 1, the
    columns of the spline and y, row by row; `all_moments` are those of the panel. The columns and y are centred and
    scaled to a sum of squares of 1 over the panel, so that a residual sum of squares is a share of the variance of y.
    Panels with a single model, with too few checkpoints or with a constant y are left out.
#}
{% macro moments_about_spline(point, knot_count) -%}
    model_range as (
        select panel_id, model_id, min(coordinate) as lowest, max(coordinate) as highest
        from {{ point }}
        group by panel_id, model_id
    ),

    panel_range as (
        select panel_id, groupArray((model_id, lowest, highest)) as ranges from model_range group by panel_id
    ),

    compared_point as (
        select panel_id, model_id, coordinate, measure_value
        from {{ point }}
        inner join panel_range using (panel_id)
        where arrayExists(entry -> entry .1 != model_id and coordinate between entry .2 and entry .3, ranges)
    ),

    knotted as (
        select
            panel_id,
            min(coordinate) as lowest,
            max(coordinate) - min(coordinate) as span,
            quantilesExactInclusive(
                {%- for knot in range(knot_count) -%}
                    {{ knot / (knot_count - 1) }} {{- ", " if not loop.last }}
                {%- endfor -%}
            )
            (coordinate) as quantiles,
            arrayDistinct(
                arrayMap(knot -> if(span > 0, round((knot - lowest) / span, 9), 0), quantiles)
            ) as knots
        from compared_point
        group by panel_id
    ),

    placed as (
        select
            panel_id,
            model_id,
            length(knots) as knot_number,
            if(span > 0, (coordinate - lowest) / span, 0) as place,
            arrayCount(knot -> knot <= place + 1e-9 and knot < 1, knots) as stretch,
            arrayPushBack({{ natural_spline("place", "knots", knot_count - 1) }}, measure_value) as columns
        from compared_point
        inner join knotted using (panel_id)
    ),

    spread as (
        select
            panel_id,
            avgForEach(columns) as means,
            arrayMap(variance -> variance * count(), varPopStableForEach(columns)) as variations
        from placed
        group by panel_id
    ),

    scaled as (
        select
            *,
            arrayPushFront(
                arrayMap(
                    (value, mean, variation) -> if(variation > 1e-18, (value - mean) / sqrt(variation), 0),
                    columns,
                    means,
                    variations
                ),
                toFloat64(1)
            ) as row
        from placed
        inner join spread using (panel_id)
    ),

    summed as (
        select
            panel_id,
            stretch,
            model_id,
            any(knot_number) as knot_number,
            any(variations[-1]) as variation,
            sumForEach({{ outer_product("row", "row") }}) as moments
        from scaled
        group by panel_id, stretch, model_id
    ),

    stretch_moment as (
        select
            *,
            sumForEach(moments) over panel as all_moments,
            all_moments[1] as point_count,
            uniqExact(model_id) over panel as model_count
        from summed
        window panel as (partition by panel_id)
        qualify
            model_count > 1 and point_count >= knot_number + model_count and variation > point_count * 1e-18
    )
{%- endmacro %}

{#
    Return CTEs that permute the models. Neighbouring checkpoints of a model resemble each other, so not the labels of
    checkpoints are permuted but those of whole pieces of curves: within each stretch, the models that have checkpoints
    there change places. In replicate 0, they stay in place.

    The last CTE, `permuted`, has one row per panel and replicate. `inner_moments` are the moments of the panel without
    the row and column of 1, and `between_moments` the parts of them that one constant per model explains.
#}
{% macro permuted_models(stretch_moment, width) -%}
    stretch_entry as (
        select
            panel_id,
            stretch,
            arraySort(groupArray((toString(model_id), arraySlice(moments, 1, {{ width }})))) as entries,
            arrayFilter(
                (moment, place) -> place >= {{ width }} and place % {{ width }} > 0,
                any(all_moments),
                range({{ width * width }})
            ) as inner_moments
        from {{ stretch_moment }}
        group by panel_id, stretch
    ),

    shuffled as (
        select
            panel_id,
            inner_moments,
            arrayJoin(range({{ var("collapse_permutations") + 1 }})) as replicate,
            arrayMap(entry -> entry .2, entries) as totals,
            arraySort(
                (model, key) -> key,
                arrayMap(entry -> entry .1, entries),
                arrayMap(
                    (entry, place) -> if(
                        replicate = 0,
                        place,
                        sipHash64(entry .1, stretch, replicate, {{ var("bootstrap_seed") }})
                    ),
                    entries,
                    arrayEnumerate(entries)
                )
            ) as labels
        from stretch_entry
    ),

    labelled as (
        select
            panel_id,
            replicate,
            label,
            any(inner_moments) as inner_moments,
            sumForEach(total) as label_totals,
            arraySlice(label_totals, 2) as sums,
            arrayMap(
                (total, points) -> total / points, sums, arrayWithConstant({{ width - 1 }}, label_totals[1])
            ) as means
        from shuffled
        array join labels as label, totals as total
        group by panel_id, replicate, label
    ),

    permuted as (
        select
            panel_id,
            replicate,
            any(inner_moments) as inner_moments,
            sumForEach({{ outer_product("sums", "means") }}) as between_moments
        from labelled
        group by panel_id, replicate
    )
{%- endmacro %}

{# Return the difference of two arrays, entry by entry. #}
{% macro array_difference(first, second) -%}
    arrayMap((first, second) -> first - second, {{ first }}, {{ second }})
{%- endmacro %}

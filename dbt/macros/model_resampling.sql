{#
    How sure a correlation over the checkpoints of several models is. Checkpoints of one model resemble each other, so
    not the checkpoints but the models are left out or drawn again. `point` has one row per checkpoint and panel, with
    the columns panel_id, model_id, measure_value and progress.

    The macro returns CTEs. The last one, `resampled`, has one row per panel with at least `interval_least_models`
    models. Its arrays hold the correlation for each choice of models, in this order:

        1              every model once
        2 to M + 1     every model but one (M models)
        from M + 2     M models, drawn with replacement (seeded, `bootstrap_replicates` times)

    If model m is drawn w_m times, the ranks are those among the drawn checkpoints, repetitions included, and equal
    values have their mean rank. The rank of checkpoint i, minus the mean rank, is linear in w:

        r_i(w) = sum over b of w_b (below_ib + equal_ib / 2 - n_b / 2)

    Of the n_b checkpoints of model b, below_ib have a smaller value than checkpoint i, and equal_ib the same value. A
    sum of products of ranks is therefore a polynomial in w, whose coefficients are summed over checkpoints once:

        sum over i of w_a(i) r_i(w) r'_i(w) = sum over a, b, c of w_a w_b w_c C_abc
#}
{% macro correlations_over_drawn_models(point) -%}
    numbered as (
        select
            panel_id,
            toUInt16(dense_rank() over (partition by panel_id order by model_id)) as model_ordinal,
            measure_value - avg(measure_value) over (partition by panel_id) as measure_value,
            progress - avg(progress) over (partition by panel_id) as progress
        from {{ point }}
    ),

    compared_point as (
        select *, max(model_ordinal) over (partition by panel_id) as model_count
        from numbered
        qualify model_count >= {{ var("interval_least_models") }}
    ),

    draw as (
        select
            model_count,
            toUInt16(arrayJoin(range(1, model_count + 1))) as model_ordinal,
            {{ times_drawn("model_ordinal", "model_count") }} as counts
        from (select distinct model_count from compared_point)
    ),

    draw_of_triple as (
        select
            first.model_count as model_count,
            [first.model_ordinal, second.model_ordinal, third.model_ordinal] as triple,
            arrayMap((a, b, c) -> toFloat64(a * b * c), first.counts, second.counts, third.counts) as counts
        from draw as first
        inner join draw as second on first.model_count = second.model_count
        inner join draw as third on first.model_count = third.model_count
        where first.model_ordinal <= second.model_ordinal and second.model_ordinal <= third.model_ordinal
    ),

    -- The two arrays hold one entry per model b: w_b times the entry, summed over b, is the rank.
    rank_part as (
        select
            panel_id,
            model_ordinal,
            model_count,
            arrayMap(ordinal -> toFloat64(ordinal = model_ordinal), range(1, model_count + 1)) as own,
            {{ rank_parts("measure_value") }} as measure_parts,
            {{ rank_parts("progress") }} as progress_parts
        from compared_point
        window panel as (partition by panel_id)
    ),

    coefficient as (
        select
            panel_id,
            model_ordinal,
            model_count,
            sumForEach({{ outer_product("measure_parts", "progress_parts") }}) as crosses,
            sumForEach({{ outer_product("measure_parts", "measure_parts") }}) as measure_squares,
            sumForEach({{ outer_product("progress_parts", "progress_parts") }}) as progress_squares
        from rank_part
        group by panel_id, model_ordinal, model_count
    ),

    coefficient_of_triple as (
        select
            panel_id,
            model_count,
            arraySort(
                [
                    model_ordinal,
                    toUInt16(intDiv(place - 1, model_count) + 1),
                    toUInt16((place - 1) % model_count + 1)
                ]
            ) as triple,
            sum(cross) as cross,
            sum(measure_square) as measure_square,
            sum(progress_square) as progress_square
        from coefficient
        array join
            crosses as cross,
            measure_squares as measure_square,
            progress_squares as progress_square,
            arrayEnumerate(crosses) as place
        group by panel_id, model_count, triple
    ),

    resampled_rank as (
        select
            panel_id,
            any(model_count) as model_count,
            {{
                correlation_of_sums(
                    summed_over_draws("cross"),
                    summed_over_draws("measure_square"),
                    summed_over_draws("progress_square"),
                )
            }} as spearman_draws
        from coefficient_of_triple
        inner join draw_of_triple using (model_count, triple)
        group by panel_id
    ),

    model_sum as (
        select
            panel_id,
            model_ordinal,
            model_count,
            toFloat64(count()) as point_count,
            sum(measure_value) as measure_total,
            sum(progress) as progress_total,
            sum(measure_value * progress) as cross,
            sum(pow(measure_value, 2)) as measure_square,
            sum(pow(progress, 2)) as progress_square
        from compared_point
        group by panel_id, model_ordinal, model_count
    ),

    resampled_value as (
        select
            panel_id,
            {{ summed_over_draws("point_count") }} as point_counts,
            {{ summed_over_draws("measure_total") }} as measure_totals,
            {{ summed_over_draws("progress_total") }} as progress_totals,
            {{
                correlation_of_sums(
                    centred_sums(summed_over_draws("cross"), "measure_totals", "progress_totals"),
                    centred_sums(summed_over_draws("measure_square"), "measure_totals", "measure_totals"),
                    centred_sums(
                        summed_over_draws("progress_square"), "progress_totals", "progress_totals"
                    ),
                )
            }} as pearson_draws
        from model_sum
        inner join draw using (model_count, model_ordinal)
        group by panel_id
    ),

    resampled as (
        select panel_id, model_count, spearman_draws, pearson_draws
        from resampled_rank
        inner join resampled_value using (panel_id)
    )
{%- endmacro %}

{# Return how often the model is drawn, as an array over the choices of models that the macro above lists. #}
{% macro times_drawn(model_ordinal, model_count) -%}
    arrayConcat(
        [1],
        arrayMap(left_out -> toUInt16(left_out != {{ model_ordinal }}), range(1, {{ model_count }} + 1)),
        arrayMap(
            replicate -> toUInt16(
                arrayCount(
                    slot
                    -> sipHash64(toUInt32(replicate), toUInt32(slot), {{ var("bootstrap_seed") }})
                    % {{ model_count }}
                    + 1
                    = {{ model_ordinal }},
                    range({{ model_count }})
                )
            ),
            range({{ var("bootstrap_replicates") }})
        )
    )
{%- endmacro %}

{# Return the parts of the rank of a value, one per model. `own` is 1 for the checkpoint's own model and 0 elsewhere. #}
{% macro rank_parts(value) -%}
    arrayMap(
        (until, equal, size) -> until - equal / 2 - size / 2,
        sumForEach(own) over (panel order by {{ value }}),
        sumForEach(own) over (partition by panel_id, {{ value }}),
        sumForEach(own) over panel
    )
{%- endmacro %}

{# Return the products of all entries of two arrays, row by row. #}
{% macro outer_product(first, second) -%}
    arrayFlatten(arrayMap(a -> arrayMap(b -> a * b, {{ second }}), {{ first }}))
{%- endmacro %}

{# Return, for each choice of models, the sum of `value` times the number of times that its models are drawn. #}
{% macro summed_over_draws(value) -%}
    sumForEach(arrayMap(times -> times * {{ value }}, counts))
{%- endmacro %}

{# Return sums of products about the means, from sums of products and sums. #}
{% macro centred_sums(sums, first_totals, second_totals) -%}
    arrayMap(
        (total, a, b, points) -> total - a * b / points,
        {{ sums }},
        {{ first_totals }},
        {{ second_totals }},
        point_counts
    )
{%- endmacro %}

{# Return the correlations from sums about the means; one that is undefined is NaN. #}
{% macro correlation_of_sums(crosses, first_squares, second_squares) -%}
    arrayMap(
        (cross, a, b) -> if(a > 1e-18 and b > 1e-18, greatest(-1, least(1, cross / sqrt(a * b))), nan),
        {{ crosses }},
        {{ first_squares }},
        {{ second_squares }}
    )
{%- endmacro %}

{#
    Return one bound of a 95% interval from a statistic for each choice of models: the jackknife over models. The
    standard error is that of the M values with one model left out, and t has M - 1 degrees of freedom:

        z +- t sqrt((M - 1) / M sum over m of (z_m - mean)^2)

    For a correlation, z is Fisher's atanh r, and the bounds are transformed back. For a difference, z is the value.
#}
{% macro model_jackknife_bound(draws, model_count, bound, is_correlation=true) -%}
    {%- set scale, unscale = ("atanh", "tanh") if is_correlation else ("", "") -%}
    {%- set values = (
        "arrayMap(value -> "
        ~ scale
        ~ "(value), arraySlice("
        ~ draws
        ~ ", 1, "
        ~ model_count
        ~ " + 1))"
    ) -%}
    {%- set left_out = "arraySlice(" ~ values ~ ", 2)" -%}
    {%- set error = "sqrt((" ~ model_count ~ " - 1) * arrayReduce('varPop', " ~ left_out ~ "))" -%}
    {%- set reach = student_t_quantile("(" ~ model_count ~ " - 1)") ~ " * " ~ error -%}
    if(
        arrayAll(value -> isFinite(value), {{ values }}),
        {{ unscale }} (({{ values }})[1] {{ "-" if bound == "lower" else "+" }} {{ reach }}),
        null
    )
{%- endmacro %}

{# Return one bound of the range that holds a statistic for 95% of the draws of models with replacement. #}
{% macro resampled_bound(draws, model_count, bound) -%}
    {%- set defined = (
        "arrayFilter(value -> isFinite(value), arraySlice("
        ~ draws
        ~ ", "
        ~ model_count
        ~ " + 2))"
    ) -%}
    if(
        notEmpty({{ defined }}),
        arrayReduce('quantileExactInclusive({{ 0.025 if bound == "lower" else 0.975 }})', {{ defined }}),
        null
    )
{%- endmacro %}

{{ config(engine="MergeTree()", order_by=["model_id", "corpus_id", "grid_id", "convention_id"]) }}

with
    trend_convention as (select * from {{ ref("trend_convention") }}),

    series_grid as (select * from {{ ref("int_series_grid") }}),

    model as (select model_id, planned_steps, batch_tokens from {{ ref("stg_registry__model") }}),

    checkpoint as (select model_id, step, tokens_seen from {{ ref("stg_registry__checkpoint") }}),

    grid_checkpoint as (
        select model_id, corpus_id, grid_id, series_fingerprint, step
        from series_grid
        array join steps as step
    ),

    -- a checkpoint that is scored but not registered has seen its steps' worth of tokens
    grid as (
        select
            grid_checkpoint.model_id as model_id,
            grid_checkpoint.corpus_id as corpus_id,
            grid_checkpoint.grid_id as grid_id,
            any(grid_checkpoint.series_fingerprint) as series_fingerprint,
            any(model.planned_steps) as declared_steps,
            arraySort(groupArray(grid_checkpoint.step)) as steps,
            arraySort(
                (tokens, step) -> step,
                groupArray(if(tokens_seen > 0, tokens_seen, grid_checkpoint.step * batch_tokens)),
                groupArray(grid_checkpoint.step)
            ) as token_counts
        from grid_checkpoint
        left join model on grid_checkpoint.model_id = model.model_id
        left join
            checkpoint
            on grid_checkpoint.model_id = checkpoint.model_id
            and grid_checkpoint.step = checkpoint.step
        group by model_id, corpus_id, grid_id
    ),

    -- what has no logarithm (step 0) is no part of a series under a logarithmic regressor
    regressor as (
        select
            *,
            if(declared_steps > 0, declared_steps, steps[-1]) as planned_steps,
            multiIf(
                trend_convention.regressor = 'log_step',
                steps,
                trend_convention.regressor = 'log_tokens_seen',
                token_counts,
                arrayMap(step -> 1, steps)
            ) as usable_counts,
            if(
                trend_convention.regressor = 'checkpoint_index',
                arrayMap(ordinal -> toFloat64(ordinal), arrayEnumerate(steps)),
                arrayMap(usable -> if(usable > 0, log(usable), 0), usable_counts)
            ) as regressors
        from grid
        cross join trend_convention
    ),

    mapped_start as (
        select
            *,
            {{ var("trend_start_percents") }} as start_percents,
            arrayMap(
                percent -> multiIf(
                    start_mapping = 'planned_step',
                    arrayFirstIndex(step -> step * 100 >= percent * planned_steps, steps),
                    start_mapping = 'checkpoint_index',
                    intDiv(percent * length(steps), 100) + 1,
                    arraySort(
                        ordinal -> (abs(steps[ordinal] * 100 - percent * steps[-1]), ordinal),
                        arrayEnumerate(steps)
                    )[1]
                ),
                start_percents
            ) as mapped_indices
        from regressor
    ),

    -- newest first, relative to the newest: a fit over the last m checkpoints reads the first m elements; m
    -- is 0
    -- where training has not come as far as the start
    fit_window as (
        select
            *,
            arrayFirstIndex(usable -> usable > 0, usable_counts) as first_index,
            arrayMap(
                mapped -> if(mapped = 0 or first_index = 0, 0, greatest(mapped, first_index)), mapped_indices
            ) as start_indices,
            arrayMap(
                start -> toInt32(if(start = 0, 0, length(steps) - start + 1)), start_indices
            ) as fit_point_counts,
            arrayMap(value -> value - regressors[-1], arrayReverse(regressors)) as regressors_from_last,
            arrayCumSum(regressors_from_last) as cumulated,
            arrayCumSum(value -> value * value, regressors_from_last) as cumulated_squares
        from mapped_start
    ),

    fit_design as (
        select
            convention_id,
            model_id,
            corpus_id,
            grid_id,
            series_fingerprint,
            response,
            rising_perplexity_slope_sign,
            multiple_testing,
            significance_level,
            stagnation_lower,
            stagnation_upper,
            constant_tolerance,
            start_percents,
            arrayMap(start -> steps[start], start_indices) as start_steps,
            fit_point_counts,
            regressors_from_last,
            arrayMap(points -> cumulated[points], fit_point_counts) as regressor_sums,
            arrayMap(
                points -> cumulated_squares[points] - pow(cumulated[points], 2) / greatest(points, 1),
                fit_point_counts
            ) as regressor_variations
        from fit_window
    )

-- the fingerprint covers what the fits of the pair depend on: the scores, every grid and every convention
select
    *,
    cityHash64(
        arraySort(groupArray(cityHash64(tuple(fit_design.*))) over (partition by model_id, corpus_id))
    ) as trend_fingerprint
from fit_design

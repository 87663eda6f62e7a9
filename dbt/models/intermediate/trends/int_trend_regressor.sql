{{ config(materialized="view") }}

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
            trend_convention.*,
            grid.* except (declared_steps, token_counts),
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
    )

select *
from regressor

{{ config(materialized="view") }}

with
    -- Conventions with the same start, regressor and response share their fits. One of them represents the
    -- others: one that counts the autocorrelation, if there is one, because it needs further sums.
    trend_convention as (
        select
            *,
            {{ fit_id() }} as fit_id,
            row_number() over (
                partition by is_kept_by_token, fit_id order by autocorrelation = 'none', convention_id
            )
            = 1 as represents_fit
        from {{ ref("trend_convention") }}
    ),

    scored_step_set as (select * from {{ ref("int_scored_step_set") }}),

    model as (select model_id, planned_steps, batch_tokens from {{ ref("stg_registry__model") }}),

    checkpoint as (select model_id, step, tokens_seen from {{ ref("stg_registry__checkpoint") }}),

    score_rounding as (select model_id, corpus_id, rounding_nats from {{ ref("int_score_rounding") }}),

    scored_checkpoint as (
        select model_id, corpus_id, step_set_id, series_fingerprint, step
        from scored_step_set
        array join steps as step
    ),

    -- If a checkpoint is not registered, step * batch_tokens is used as the number of training tokens seen.
    step_set as (
        select
            scored_checkpoint.model_id as model_id,
            scored_checkpoint.corpus_id as corpus_id,
            scored_checkpoint.step_set_id as step_set_id,
            any(scored_checkpoint.series_fingerprint) as series_fingerprint,
            any(score_rounding.rounding_nats) as rounding_nats,
            any(model.planned_steps) as declared_steps,
            arraySort(groupArray(scored_checkpoint.step)) as steps,
            arraySort(
                (tokens, step) -> step,
                groupArray(if(tokens_seen > 0, tokens_seen, scored_checkpoint.step * batch_tokens)),
                groupArray(scored_checkpoint.step)
            ) as token_counts
        from scored_checkpoint
        left join model on scored_checkpoint.model_id = model.model_id
        left join
            checkpoint
            on scored_checkpoint.model_id = checkpoint.model_id
            and scored_checkpoint.step = checkpoint.step
        left join
            score_rounding
            on scored_checkpoint.model_id = score_rounding.model_id
            and scored_checkpoint.corpus_id = score_rounding.corpus_id
        group by model_id, corpus_id, step_set_id
    ),

    -- If the regressor is a logarithm, trend fits leave out step 0 because 0 has no logarithm.
    regressor as (
        select
            trend_convention.*,
            step_set.* except (declared_steps, token_counts),
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
        from step_set
        cross join trend_convention
    )

select *
from regressor

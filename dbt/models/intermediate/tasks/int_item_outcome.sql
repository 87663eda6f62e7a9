{{
    config(
        materialized="incremental",
        partition_by=["model_id"],
        order_by=["task_id", "shot_count", "normalisation", "seed", "step", "item_id"],
        pre_hook="{{ drop_vanished_pairs(ref('int_evaluation_fingerprint'), 'model_id') }}",
    )
}}

with
    stale_model as (
        {{ select_stale_pairs(ref("int_evaluation_fingerprint"), "evaluation_fingerprint", "model_id") }}
    ),

    task_item as (
        select task_id, item_id, option_index, is_correct, target_score from {{ ref("stg_tasks__task_item") }}
    ),

    option_score as (
        select *
        from {{ ref("stg_tasks__option_score") }}
        where model_id in (select model_id from stale_model)
    ),

    item as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            item_id,
            arraySort(
                groupArray(
                    (
                        option_index,
                        is_correct,
                        toFloat64(log_prob_nats),
                        toFloat64(ifNull(unconditional_log_prob_nats, nan)),
                        toFloat64(token_count),
                        toFloat64(character_count),
                        toFloat64(byte_count),
                        toFloat64(target_score)
                    )
                )
            ) as options
        from option_score
        inner join task_item using (task_id, item_id, option_index)
        group by model_id, step, task_id, shot_count, seed, item_id
    ),

    -- A normalisation divides the log-probability of an option by the length of the option, or subtracts the
    -- option's score without a prompt. `sum` does neither. If the length or the score without a prompt is
    -- missing for at least one option, the item has no outcome under this normalisation.
    scored as (
        select
            * except (options),
            options,
            toLowCardinality(named_scores .1) as normalisation,
            named_scores .2 as scores
        from item
        array join
            [
                ('sum', arrayMap(option -> option .3, options)),
                ('token', arrayMap(option -> option .3 / option .5, options)),
                ('character', arrayMap(option -> option .3 / option .6, options)),
                ('byte', arrayMap(option -> option .3 / option .7, options)),
                ('pmi', arrayMap(option -> option .3 - option .4, options))
            ] as named_scores
        where arrayAll(score -> isFinite(score), scores)
    ),

    -- If several options have the largest normalised score, the first of them is chosen.
    chosen as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            seed,
            normalisation,
            item_id,
            toInt16(indexOf(scores, arrayMax(scores)) - 1) as chosen_option_ordinal,
            options[chosen_option_ordinal + 1] .2 as is_correct,
            options[chosen_option_ordinal + 1] .8 as chosen_score,
            1 / arraySum(score -> exp(score - arrayMax(scores)), scores) as confidence_ratio,
            arrayCount(option -> option .2, options) / length(options) as chance_ratio,
            arrayAvg(option -> option .8, options) as chance_score
        from scored
    )

select
    chosen.model_id as model_id,
    step,
    task_id,
    shot_count,
    seed,
    normalisation,
    item_id,
    chosen_option_ordinal,
    is_correct,
    confidence_ratio,
    chance_ratio,
    chosen_score,
    chance_score,
    evaluation_fingerprint
from chosen
inner join stale_model on chosen.model_id = stale_model.model_id

{{
    config(
        order_by=["model_id", "task_id", "shot_count", "normalisation", "step"],
    )
}}

with
    outcome_count as (select * from {{ ref("int_outcome_count") }}),

    evaluated as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            normalisation,
            toInt64(count()) as seed_count,
            max(outcome_count.item_count) as items,
            sum(outcome_count.correct_count) / sum(outcome_count.item_count) as accuracy,
            avg(outcome_count.expected_score) as score,
            avg(outcome_count.chance_accuracy_ratio) as chance_accuracy,
            avg(outcome_count.chance_score) as score_by_chance
        from outcome_count
        group by model_id, step, task_id, shot_count, normalisation
    ),

    -- With one seed, the variance of an item is p (1 - p). Only evaluations with several seeds need their
    -- items again.
    item as (
        select model_id, step, task_id, shot_count, normalisation, item_id, avg(is_correct) as mean_outcome
        from {{ ref("int_item_outcome") }}
        where
            (model_id, step, task_id, shot_count, normalisation)
            in (select model_id, step, task_id, shot_count, normalisation from evaluated where seed_count > 1)
        group by model_id, step, task_id, shot_count, normalisation, item_id
    ),

    over_items as (
        select
            model_id,
            step,
            task_id,
            shot_count,
            normalisation,
            toInt64(count()) as items,
            avg(mean_outcome) as accuracy,
            varSampStable(mean_outcome) as item_variance
        from item
        group by model_id, step, task_id, shot_count, normalisation
    ),

    combined as (
        select
            evaluated.model_id as model_id,
            evaluated.step as step,
            evaluated.task_id as task_id,
            evaluated.shot_count as shot_count,
            evaluated.normalisation as normalisation,
            seed_count,
            toFloat64(seed_count) as seeds,
            if(seed_count = 1, evaluated.items, over_items.items) as item_count,
            if(seed_count = 1, evaluated.accuracy, over_items.accuracy) as accuracy_ratio,
            greatest(accuracy_ratio * (1 - accuracy_ratio), 0) as outcome_variance,
            if(seed_count = 1, outcome_variance, over_items.item_variance) as item_mean_variance,
            -- The draws of an item with several seeds carry at least the information of one draw, and at most
            -- that of independent draws.
            if(
                item_count = 1 or outcome_variance = 0,
                1.,
                least(seeds, greatest(1., ifNotFinite(outcome_variance / item_mean_variance, seeds)))
            ) as draws_per_item,
            toFloat64(item_count * draws_per_item) as effective_item_count,
            sqrt(outcome_variance / effective_item_count) as standard_error,
            chance_accuracy as chance_accuracy_ratio,
            (accuracy_ratio - chance_accuracy) / (1 - chance_accuracy) as chance_corrected_accuracy,
            score as expected_score,
            score_by_chance as chance_score
        from evaluated
        left join
            over_items
            on evaluated.model_id = over_items.model_id
            and evaluated.step = over_items.step
            and evaluated.task_id = over_items.task_id
            and evaluated.shot_count = over_items.shot_count
            and evaluated.normalisation = over_items.normalisation
    )

select * except (seeds, outcome_variance, item_mean_variance, draws_per_item)
from combined

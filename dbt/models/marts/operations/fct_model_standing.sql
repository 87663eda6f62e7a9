{{ config(materialized="view") }}

with
    model as (select model_id, suite_id, model_name from {{ ref("dim_model") }}),

    ordered_checkpoint as (
        select *, row_number() over (partition by model_id, corpus_id order by step desc) as steps_from_newest
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    newest as (select * from ordered_checkpoint where steps_from_newest = 1),

    change as (
        select
            model_id,
            corpus_id,
            step,
            toNullable(reference_step) as previous_step,
            perplexity_ratio,
            perplexity_ratio_lower,
            perplexity_ratio_upper
        from {{ ref("fct_perplexity_difference") }}
        where comparison = 'previous checkpoint'
    ),

    pipeline as (
        select
            model_id,
            corpus_id,
            toInt64(count()) as found_count,
            toInt64(countIf(pipeline_state in ('scored', 'in the marts', 'other beginning'))) as scored_count,
            max(scored_at) as newest_scored_at,
            argMax(tuple(lag_seconds), scored_at) .1 as newest_lag_seconds
        from {{ ref("fct_pipeline_health") }}
        group by model_id, corpus_id
    ),

    audit as (
        select
            model_id,
            toInt64(uniqExactIf(checkpoint_id, is_wrong)) as flagged_count,
            anyIf(message, is_wrong) as first_flag,
            -- The perplexity is checked when the marts are derived, everything else by `trailhouse audit`.
            toBool(countIf(check_name != 'perplexity') > 0) as is_audited
        from {{ ref("fct_checkpoint_audit") }}
        group by model_id
    ),

    forgotten as (
        select
            model_id,
            corpus_id,
            toNullable(token_share) as forgotten_share,
            share_lower,
            share_upper,
            null_share,
            null_share_lower,
            null_share_upper
        from {{ ref("fct_trend_share_by_start") }}
        where convention_id = 'paper' and category = 'upward' and start_percent = 10
    ),

    -- The accuracy is that over all tasks, with the most exemplars that were asked for.
    ordered_accuracy as (
        select
            *, row_number() over (partition by model_id order by shot_count desc, step desc) as accuracy_order
        from {{ ref("fct_task_accuracy_by_checkpoint") }}
        where task_set_kind = 'group' and task_set = 'all' and normalisation = 'token'
    ),

    accuracy as (
        select
            model_id,
            toNullable(shot_count) as shot_count,
            toNullable(step) as accuracy_step,
            toNullable(task_count) as task_count,
            toNullable(accuracy_ratio) as accuracy_ratio,
            accuracy_lower_over_tasks as accuracy_lower,
            accuracy_upper_over_tasks as accuracy_upper,
            toNullable(chance_accuracy_ratio) as chance_accuracy_ratio
        from ordered_accuracy
        where accuracy_order = 1
    ),

    standing as (
        select
            model.suite_id as suite_id,
            newest.model_id as model_id,
            model.model_name as model_name,
            newest.corpus_id as corpus_id,
            newest.parameter_count as parameter_count,
            newest.step as step,
            newest.tokens_seen as tokens_seen,
            newest.train_flops_palm / 1e18 as train_eflops,
            newest.perplexity as perplexity,
            newest.perplexity_lower as perplexity_lower,
            newest.perplexity_upper as perplexity_upper,
            newest.bits_per_byte as bits_per_byte,
            newest.bits_per_byte_lower as bits_per_byte_lower,
            newest.bits_per_byte_upper as bits_per_byte_upper,
            change.previous_step as previous_step,
            change.perplexity_ratio as perplexity_ratio,
            change.perplexity_ratio_lower as perplexity_ratio_lower,
            change.perplexity_ratio_upper as perplexity_ratio_upper,
            multiIf(
                change.perplexity_ratio_upper is null or change.perplexity_ratio_lower is null,
                'unknown',
                change.perplexity_ratio_upper < 1,
                'better',
                change.perplexity_ratio_lower > 1,
                'worse',
                'not distinguishable'
            ) as newest_change,
            forgotten.forgotten_share as forgotten_share,
            forgotten.share_lower as forgotten_share_lower,
            forgotten.share_upper as forgotten_share_upper,
            forgotten.null_share as null_share,
            forgotten.null_share_lower as null_share_lower,
            forgotten.null_share_upper as null_share_upper,
            accuracy.shot_count as shot_count,
            accuracy.accuracy_step as accuracy_step,
            accuracy.task_count as task_count,
            accuracy.accuracy_ratio as accuracy_ratio,
            accuracy.accuracy_lower as accuracy_lower,
            accuracy.accuracy_upper as accuracy_upper,
            accuracy.chance_accuracy_ratio as chance_accuracy_ratio,
            pipeline.found_count as found_count,
            pipeline.scored_count as scored_count,
            pipeline.newest_scored_at as newest_scored_at,
            pipeline.newest_lag_seconds as newest_lag_seconds,
            ifNull(audit.flagged_count, 0) as flagged_count,
            ifNull(audit.first_flag, '') as first_flag,
            toBool(ifNull(audit.is_audited, false)) as is_audited
        from newest
        inner join model on newest.model_id = model.model_id
        left join
            change
            on newest.model_id = change.model_id
            and newest.corpus_id = change.corpus_id
            and newest.step = change.step
        left join pipeline on newest.model_id = pipeline.model_id and newest.corpus_id = pipeline.corpus_id
        left join audit on newest.model_id = audit.model_id
        left join forgotten on newest.model_id = forgotten.model_id and newest.corpus_id = forgotten.corpus_id
        left join accuracy on newest.model_id = accuracy.model_id
    )

select *
from standing

{{
    config(
        order_by=["corpus_id", "model_id", "reference_rank"],
        query_settings={
            "join_use_nulls": 0,
            "max_block_size": 1024,
            "max_joined_block_size_rows": 1024,
        },
    )
}}

with
    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    -- Replicate 0 is the perplexity itself; the others are those of the bootstrap over documents.
    checkpoint as (
        select
            perplexity.suite_id as suite_id,
            perplexity.model_id as model_id,
            perplexity.parameter_count as parameter_count,
            perplexity.corpus_id as corpus_id,
            perplexity.step as step,
            perplexity.train_flops_palm / 1e18 as train_eflops,
            perplexity.score_count as score_count,
            replicate.document_count as document_count,
            arrayMap(
                loss -> exp(loss), arrayPushFront(loss_replicates_nats, - mean_log_prob_nats)
            ) as perplexity_replicates
        from {{ ref("fct_validation_perplexity_by_checkpoint") }} as perplexity
        inner join
            {{ ref("int_loss_replicate_by_checkpoint") }} as replicate
            on perplexity.model_id = replicate.model_id
            and perplexity.corpus_id = replicate.corpus_id
            and perplexity.step = replicate.step
        where train_flops_palm > 0
    ),

    trajectory as (
        select
            any(checkpoint.suite_id) as suite_id,
            checkpoint.model_id as model_id,
            checkpoint.corpus_id as corpus_id,
            any(checkpoint.parameter_count) as parameter_count,
            (any(series.tokenizer_id), any(checkpoint.score_count)) as token_identity,
            any(checkpoint.document_count) as document_count,
            assumeNotNull(max(train_eflops)) as last_eflops
        from checkpoint
        inner join series on checkpoint.model_id = series.model_id and checkpoint.corpus_id = series.corpus_id
        group by checkpoint.model_id, checkpoint.corpus_id
    ),

    -- A model is compared with the models that are nearest to it in size.
    pair as (
        select
            corpus_id,
            own.model_id as model_id,
            reference.model_id as reference_model_id,
            row_number() over (
                partition by corpus_id, own.model_id
                order by
                    abs(log(own.parameter_count / reference.parameter_count)),
                    reference.suite_id != own.suite_id,
                    reference.model_id
            ) as reference_rank
        from (select suite_id, model_id, corpus_id, parameter_count from trajectory) as own
        inner join
            (select suite_id, model_id, corpus_id, parameter_count from trajectory) as reference using (
                corpus_id
            )
        where own.model_id != reference.model_id
    ),

    -- The replicates are taken apart by checkpoint, because a row with all replicates of all checkpoints of a
    -- model would need gigabytes once it is repeated for every replicate.
    replicate_point as (
        select
            model_id,
            corpus_id,
            step,
            assumeNotNull(train_eflops) as eflops,
            toInt64(replicate_number) - 1 as replicate,
            replicate_perplexity
        from checkpoint
        array join
            perplexity_replicates as replicate_perplexity,
            arrayEnumerate(perplexity_replicates) as replicate_number
    ),

    replicate_curve as (
        select
            model_id,
            corpus_id,
            replicate,
            arrayMap(
                point -> (point .2, point .3), arraySort(groupArray((step, eflops, replicate_perplexity)))
            ) as perplexity_curve,
            arrayMap(point -> (point .2, point .1), perplexity_curve) as eflops_curve,
            min(replicate_perplexity) as lowest_perplexity
        from replicate_point
        group by model_id, corpus_id, replicate
    ),

    trajectory_replicate as (
        select
            trajectory.suite_id as suite_id,
            trajectory.model_id as model_id,
            trajectory.corpus_id as corpus_id,
            trajectory.parameter_count as parameter_count,
            trajectory.token_identity as token_identity,
            trajectory.document_count as document_count,
            trajectory.last_eflops as last_eflops,
            replicate_curve.replicate as replicate,
            replicate_curve.perplexity_curve as perplexity_curve,
            replicate_curve.eflops_curve as eflops_curve,
            replicate_curve.lowest_perplexity as lowest_perplexity
        from replicate_curve
        inner join
            trajectory
            on replicate_curve.model_id = trajectory.model_id
            and replicate_curve.corpus_id = trajectory.corpus_id
    ),

    -- Both models are compared at the largest compute that both have, and at the lowest perplexity that
    -- both reach.
    located as (
        select
            pair.corpus_id as corpus_id,
            pair.model_id as model_id,
            pair.reference_model_id as reference_model_id,
            pair.reference_rank as reference_rank,
            own.suite_id as suite_id,
            own.parameter_count as parameter_count,
            reference.suite_id as reference_suite_id,
            reference.parameter_count as reference_parameter_count,
            own.token_identity = reference.token_identity as has_same_tokens,
            least(own.document_count, reference.document_count) as document_count,
            own.replicate as replicate,
            own.perplexity_curve as own_perplexity_curve,
            own.eflops_curve as own_eflops_curve,
            reference.perplexity_curve as reference_perplexity_curve,
            reference.eflops_curve as reference_eflops_curve,
            least(own.last_eflops, reference.last_eflops) as equal_eflops,
            greatest(own.lowest_perplexity, reference.lowest_perplexity) as equal_perplexity,
            {{ first_index_at_level("own_perplexity_curve", "equal_eflops", "false") }} as own_eflops_index,
            {{ first_index_at_level("reference_perplexity_curve", "equal_eflops", "false") }}
            as reference_eflops_index,
            {{ first_index_at_level("own_eflops_curve", "equal_perplexity") }} as own_perplexity_index,
            {{ first_index_at_level("reference_eflops_curve", "equal_perplexity") }}
            as reference_perplexity_index
        from pair
        inner join
            trajectory_replicate as own on pair.corpus_id = own.corpus_id and pair.model_id = own.model_id
        inner join
            trajectory_replicate as reference
            on pair.corpus_id = reference.corpus_id
            and pair.reference_model_id = reference.model_id
            and own.replicate = reference.replicate
        where pair.reference_rank <= {{ var("compared_models") }}
    ),

    valued as (
        select
            *,
            {{ value_at_equal_perplexity("own_perplexity_curve", "equal_eflops", "own_eflops_index", true) }}
            as own_perplexity,
            {{
                value_at_equal_perplexity(
                    "reference_perplexity_curve", "equal_eflops", "reference_eflops_index", true
                )
            }} as reference_perplexity,
            {{
                value_at_equal_perplexity(
                    "own_eflops_curve", "equal_perplexity", "own_perplexity_index", true
                )
            }} as own_eflops,
            {{
                value_at_equal_perplexity(
                    "reference_eflops_curve", "equal_perplexity", "reference_perplexity_index", true
                )
            }} as reference_eflops
        from located
    ),

    summarised as (
        select
            suite_id,
            model_id,
            any(parameter_count) as parameter_count,
            corpus_id,
            reference_suite_id,
            reference_model_id,
            any(reference_parameter_count) as reference_parameter_count,
            any(reference_rank) as reference_rank,
            any(has_same_tokens) as has_same_tokens,
            any(document_count) as document_count,
            any(equal_eflops) as equal_eflops,
            anyIf(own_perplexity, replicate = 0) as perplexity_at_equal_flops,
            anyIf(reference_perplexity, replicate = 0) as reference_perplexity_at_equal_flops,
            anyIf(equal_perplexity, replicate = 0) as equal_perplexity,
            anyIf(own_eflops, replicate = 0) as eflops_at_equal_perplexity,
            anyIf(reference_eflops, replicate = 0) as reference_eflops_at_equal_perplexity,
            groupArrayIf(
                assumeNotNull(own_perplexity / reference_perplexity), replicate > 0
            ) as perplexity_ratios,
            groupArrayIf(assumeNotNull(own_eflops / reference_eflops), replicate > 0) as flops_ratios,
            countIf(own_perplexity / reference_perplexity is null) > 0 as lacks_perplexity_ratio,
            countIf(own_eflops / reference_eflops is null) > 0 as lacks_flops_ratio
        from valued
        group by suite_id, model_id, corpus_id, reference_suite_id, reference_model_id
    ),

    compared as (
        select
            toLowCardinality(suite_id) as suite_id,
            model_id,
            parameter_count,
            corpus_id,
            toLowCardinality(reference_suite_id) as reference_suite_id,
            reference_model_id,
            reference_parameter_count,
            toInt64(reference_rank) as reference_rank,
            document_count,
            toBool(has_same_tokens) as has_same_tokens,
            equal_eflops,
            perplexity_at_equal_flops,
            reference_perplexity_at_equal_flops,
            if(
                has_same_tokens, perplexity_at_equal_flops / reference_perplexity_at_equal_flops, null
            ) as perplexity_ratio,
            if(
                has_same_tokens and not lacks_perplexity_ratio,
                {{ bootstrap_bound("perplexity_ratios", "lower", "document_count") }},
                null
            ) as perplexity_ratio_lower,
            if(
                has_same_tokens and not lacks_perplexity_ratio,
                {{ bootstrap_bound("perplexity_ratios", "upper", "document_count") }},
                null
            ) as perplexity_ratio_upper,
            if(has_same_tokens, toNullable(equal_perplexity), null) as equal_perplexity,
            if(
                has_same_tokens, eflops_at_equal_perplexity / reference_eflops_at_equal_perplexity, null
            ) as flops_ratio,
            if(
                has_same_tokens and not lacks_flops_ratio,
                {{ bootstrap_bound("flops_ratios", "lower", "document_count") }},
                null
            ) as flops_ratio_lower,
            if(
                has_same_tokens and not lacks_flops_ratio,
                {{ bootstrap_bound("flops_ratios", "upper", "document_count") }},
                null
            ) as flops_ratio_upper,
            multiIf(
                not has_same_tokens,
                'scored on other tokens',
                perplexity_ratio is null and flops_ratio is null,
                'no common compute and no common perplexity',
                perplexity_ratio is null,
                'no common compute',
                flops_ratio is null,
                'no common perplexity',
                ''
            ) as reason_for_null
        from summarised
    )

select *
from compared

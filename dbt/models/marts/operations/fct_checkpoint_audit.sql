{{
    config(
        order_by=["suite_id", "model_id", "step", "check_name"],
        query_settings={"join_use_nulls": 1},
    )
}}

with
    finding as (select * from {{ ref("stg_audit__checkpoint_finding") }}),

    excess as (select * from {{ ref("int_perplexity_excess_by_checkpoint") }}),

    threshold as (select max(minimum_excess_nats) as minimum_excess_nats from {{ ref("outlier_threshold") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    -- The excess is the distance of a checkpoint's loss from the range between its neighbours' losses. The
    -- check `perplexity` uses the corpus on which the excess of the checkpoint is largest.
    worst as (
        select
            model_id,
            step,
            max(excess_nats) as worst_excess_nats,
            argMax(corpus_id, coalesce(excess_nats, -1)) as worst_corpus_id
        from excess
        group by model_id, step
    ),

    perplexity as (
        select
            coalesce(model.suite_id, '') as suite_id,
            worst.model_id as model_id,
            worst.step as step,
            'perplexity' as check_name,
            multiIf(
                isNull(worst_excess_nats),
                'unchecked',
                worst_excess_nats >= (select minimum_excess_nats from threshold),
                'wrong',
                'ok'
            ) as status,
            if(
                status = 'wrong',
                concat(
                    'the loss on ',
                    worst_corpus_id,
                    ' lies ',
                    toString(round(assumeNotNull(worst_excess_nats), 3)),
                    ' nats per token outside its neighbours'
                ),
                ''
            ) as message,
            if(
                status = 'wrong',
                'compare the weights with their neighbours; look for a spike in the training loss',
                ''
            ) as hint
        from worst
        left join model on worst.model_id = model.model_id
    ),

    together as (
        select
            suite_id,
            model_id,
            step,
            check_name,
            status,
            message,
            hint,
            location,
            commit_hash,
            weights_sha256,
            audited_at
        from finding
        union all
        select suite_id, model_id, step, check_name, status, message, hint, '', '', '', null
        from perplexity
    ),

    described as (
        select
            {{ checkpoint_id("model_id", "step") }} as checkpoint_id,
            toLowCardinality(toString(suite_id)) as suite_id,
            toLowCardinality(toString(model_id)) as model_id,
            step,
            toLowCardinality(toString(check_name)) as check_name,
            toUInt8(
                indexOf(
                    [
                        'declaration',
                        'presence',
                        'writing',
                        'completeness',
                        'values',
                        'shapes',
                        'configuration',
                        'tokenizer',
                        'duplicate',
                        'shard',
                        'revision',
                        'perplexity'
                    ],
                    toString(together.check_name)
                )
            ) as check_order,
            toLowCardinality(toString(status)) as status,
            toBool(toString(together.status) = 'wrong') as is_wrong,
            message,
            hint,
            location,
            commit_hash,
            weights_sha256,
            toNullable(audited_at) as audited_at
        from together
    )

select *
from described

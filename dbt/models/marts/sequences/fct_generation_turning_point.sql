{{ config(order_by=["generation_key", "model_id"], query_settings={"max_block_size": 1024}) }}

with
    loss as (select * from {{ ref("int_generation_loss") }}),

    rise_threshold as (
        select min(minimum_rise_nats) as margin_nats
        from {{ ref("rise_threshold") }}
        where loss_of = 'generated text'
    ),

    curve as (
        select
            generation_key,
            model_id,
            toInt64(count()) as checkpoint_count,
            min(step) as first_step,
            argMin(step, (loss_nats, step)) as lowest_step,
            max(step) as last_step,
            min(document_block_count) as prompt_count
        from loss
        group by generation_key, model_id
    ),

    -- Each replicate draws the same prompts at every checkpoint. The lowest checkpoint is that of all
    -- prompts, and is the same in every replicate.
    measured as (
        select
            generation_key,
            model_id,
            checkpoint_count,
            first_step,
            lowest_step,
            last_step,
            prompt_count,
            anyIf(loss_nats, step = first_step) as first_loss_nats,
            anyIf(loss_nats, step = lowest_step) as lowest_loss_nats,
            anyIf(loss_nats, step = last_step) as last_loss_nats,
            anyIf(loss_replicates_nats, step = first_step) as first_replicates,
            anyIf(loss_replicates_nats, step = lowest_step) as lowest_replicates,
            anyIf(loss_replicates_nats, step = last_step) as last_replicates,
            arrayMap((a, b) -> a - b, first_replicates, lowest_replicates) as fall_replicates,
            arrayMap((a, b) -> a - b, last_replicates, lowest_replicates) as rise_replicates
        from loss
        inner join curve using (generation_key, model_id)
        where step = first_step or step = lowest_step or step = last_step
        group by generation_key, model_id, checkpoint_count, first_step, lowest_step, last_step, prompt_count
    ),

    bounded as (
        select
            *,
            first_loss_nats - lowest_loss_nats as fall_nats,
            last_loss_nats - lowest_loss_nats as rise_nats,
            {{ bootstrap_bound("fall_replicates", "lower", "prompt_count") }} as fall_lower,
            {{ bootstrap_bound("fall_replicates", "upper", "prompt_count") }} as fall_upper,
            {{ bootstrap_bound("rise_replicates", "lower", "prompt_count") }} as rise_lower,
            {{ bootstrap_bound("rise_replicates", "upper", "prompt_count") }} as rise_upper
        from measured
    ),

    shaped as (
        select
            *,
            fall_nats > margin_nats and ifNull(fall_lower, 0) > 0 as has_fall,
            rise_nats > margin_nats and ifNull(rise_lower, 0) > 0 as has_rise,
            multiIf(
                checkpoint_count < 3,
                'fewer than three checkpoints',
                prompt_count < {{ var("bootstrap_least_documents") }},
                'fewer than ten prompts',
                ''
            ) as reason,
            reason = '' and has_fall and has_rise as has_turning_point
        from bounded
        cross join rise_threshold
    )

select
    shaped.generation_key as generation_key,
    generation.generation_name as generation_name,
    generation.decoding_name as decoding_name,
    generation.sampling_name as sampling_name,
    generation.prompt_corpus_id as prompt_corpus_id,
    generation.prompt_token_count as prompt_token_count,
    generation.new_token_count as new_token_count,
    toLowCardinality(model.suite_id) as suite_id,
    shaped.model_id as model_id,
    model.parameter_count as parameter_count,
    checkpoint_count,
    first_step,
    lowest_step,
    last_step,
    exp(lowest_loss_nats) as lowest_perplexity,
    fall_nats,
    fall_lower,
    fall_upper,
    rise_nats,
    rise_lower,
    rise_upper,
    margin_nats,
    cast(
        multiIf(
            reason != '',
            null,
            has_fall and has_rise,
            'falls then rises',
            has_fall,
            'falls',
            has_rise,
            'rises',
            'flat'
        ) as Nullable(String)
    ) as curve_shape,
    reason as reason_for_null,
    if(has_turning_point, toNullable(lowest_step), null) as turning_step,
    if(has_turning_point, toNullable(checkpoint.train_flops_palm), null) as turning_train_flops_palm
from shaped
inner join {{ ref("dim_generation") }} as generation on shaped.generation_key = generation.generation_key
left join {{ ref("dim_model") }} as model on shaped.model_id = model.model_id
left join
    {{ ref("dim_checkpoint") }} as checkpoint
    on shaped.model_id = checkpoint.model_id
    and shaped.lowest_step = checkpoint.step

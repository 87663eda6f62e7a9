{{
    config(
        order_by=["generation_key", "model_id", "step"],
        query_settings={"join_use_nulls": 1, "max_block_size": 1024},
    )
}}

with
    loss as (
        select
            generation_key,
            model_id,
            step,
            is_final,
            text_count,
            document_block_count,
            token_count,
            loss_nats,
            {{ bootstrap_bound("loss_replicates_nats", "lower", "document_block_count") }} as loss_lower,
            {{ bootstrap_bound("loss_replicates_nats", "upper", "document_block_count") }} as loss_upper,
            if(byte_count > 0, loss_sum_nats / (log(2) * byte_count), null) as bits_per_byte,
            {{ bootstrap_bound("bits_per_byte_replicates", "lower", "document_block_count") }}
            as bits_per_byte_lower,
            {{ bootstrap_bound("bits_per_byte_replicates", "upper", "document_block_count") }}
            as bits_per_byte_upper,
            corpus_id
        from {{ ref("int_generation_loss") }}
    ),

    generation as (select * from {{ ref("dim_generation") }}),

    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    validation as (
        select model_id, corpus_id, step, perplexity, bits_per_byte
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    -- The validation perplexity is that on the corpus of the prompts (Xia et al. 2023, figure 16).
    measured as (
        select
            {{ checkpoint_id("loss.model_id", "loss.step") }} as checkpoint_id,
            toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
            loss.model_id as model_id,
            coalesce(model.parameter_count, 0) as parameter_count,
            loss.step as step,
            loss.is_final as is_final,
            toLowCardinality(
                multiIf(
                    loss.model_id = generation.small_model_id and loss.step = generation.small_step,
                    'small',
                    loss.model_id = generation.large_model_id and loss.step = generation.large_step,
                    'large',
                    ''
                )
            ) as generator_role,
            generation.generation_key as generation_key,
            generation.generation_name as generation_name,
            generation.decoding_name as decoding_name,
            generation.sampling_name as sampling_name,
            generation.prompt_corpus_id as prompt_corpus_id,
            generation.prompt_token_count as prompt_token_count,
            generation.new_token_count as new_token_count,
            toBool(series.tokenizer_id = generation.tokenizer_id) as has_generator_tokenizer,
            checkpoint.tokens_seen as tokens_seen,
            checkpoint.fraction_of_training as fraction_of_training,
            checkpoint.train_flops_6n as train_flops_6n,
            checkpoint.train_flops_palm as train_flops_palm,
            loss.text_count as text_count,
            loss.token_count as token_count,
            loss_nats as log_perplexity_nats,
            exp(loss_nats) as perplexity,
            exp(loss_lower) as perplexity_lower,
            exp(loss_upper) as perplexity_upper,
            loss.bits_per_byte as bits_per_byte,
            bits_per_byte_lower,
            bits_per_byte_upper,
            validation.perplexity as validation_perplexity,
            validation.bits_per_byte as validation_bits_per_byte
        from loss
        inner join generation on loss.generation_key = generation.generation_key
        inner join series on loss.model_id = series.model_id and loss.corpus_id = series.corpus_id
        left join model on loss.model_id = model.model_id
        left join checkpoint on loss.model_id = checkpoint.model_id and loss.step = checkpoint.step
        left join
            validation
            on loss.model_id = validation.model_id
            and loss.step = validation.step
            and generation.prompt_corpus_id = validation.corpus_id
    )

select *
from measured

{{ config(order_by=["generation_key", "suite_id"], query_settings={"max_block_size": 1024}) }}

with
    loss as (
        select
            generation_key, corpus_id, model_id, step, document_block_count, loss_nats, loss_replicates_nats
        from {{ ref("int_generation_loss") }}
        where is_final
    ),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    final_model as (
        select
            loss.generation_key as generation_key,
            loss.model_id as model_id,
            loss.document_block_count as document_block_count,
            loss.loss_nats as loss_nats,
            loss.loss_replicates_nats as loss_replicates_nats,
            model.suite_id as suite_id,
            model.parameter_count as parameter_count,
            series.tokenizer_id as tokenizer_id,
            checkpoint.fraction_of_training as fraction_of_training
        from loss
        inner join model on loss.model_id = model.model_id
        inner join series on loss.model_id = series.model_id and loss.corpus_id = series.corpus_id
        left join
            {{ ref("dim_checkpoint") }} as checkpoint
            on loss.model_id = checkpoint.model_id
            and loss.step = checkpoint.step
    ),

    described as (
        select
            generation_key,
            suite_id,
            toInt64(count()) as model_count,
            toInt64(uniqExact(tokenizer_id)) as tokenizer_count,
            toInt64(uniqExact(parameter_count)) as size_count,
            toInt64(uniqExact(loss_nats)) as loss_count,
            min(final_model.document_block_count) as prompt_count,
            min(fraction_of_training) as least_fraction_of_training,
            max(fraction_of_training) as greatest_fraction_of_training,
            argMin(loss_nats, (parameter_count, model_id)) as smallest_loss_nats,
            argMax(loss_nats, (parameter_count, model_id)) as largest_loss_nats,
            groupArray((parameter_count, loss_nats)) as points,
            arrayAll(
                small -> arrayAll(large -> large .1 <= small .1 or large .2 > small .2, points), points
            ) as is_rising
        from final_model
        group by generation_key, suite_id
    ),

    -- Draw 1 holds the texts as they are, the others are the replicates of the bootstrap over prompts.
    -- The coefficient is the correlation of ranks (Spearman 1904), and equal values have their mean
    -- rank.
    drawn as (
        select
            generation_key,
            suite_id,
            model_id,
            parameter_count,
            draw,
            drawn_loss,
            {{ mean_rank("parameter_count", "generation_key, suite_id, draw") }} as size_rank,
            {{ mean_rank("drawn_loss", "generation_key, suite_id, draw") }} as loss_rank
        from final_model
        array join
            arrayConcat([loss_nats], loss_replicates_nats) as drawn_loss,
            arrayEnumerate(arrayConcat([loss_nats], loss_replicates_nats)) as draw
        where
            (generation_key, suite_id)
            in (select generation_key, suite_id from described where model_count > 2)
    ),

    correlated as (
        select
            generation_key,
            suite_id,
            draw,
            if(countIf(not isFinite(drawn_loss)) = 0, corr(size_rank, loss_rank), nan) as coefficient
        from drawn
        group by generation_key, suite_id, draw
    ),

    resampled as (
        select
            generation_key,
            suite_id,
            anyIf(coefficient, draw = 1) as spearman,
            groupArrayIf(coefficient, draw > 1 and isFinite(coefficient)) as replicates
        from correlated
        group by generation_key, suite_id
    ),

    judged as (
        select
            described.*,
            multiIf(
                model_count < 3,
                'fewer than three models',
                tokenizer_count > 1,
                'the models have different tokenizers',
                size_count = 1,
                'all models have the same size',
                loss_count = 1,
                'all perplexities are equal',
                prompt_count < {{ var("bootstrap_least_documents") }},
                'fewer than ten prompts',
                ''
            ) as reason,
            reason in ('', 'fewer than ten prompts') as is_defined,
            if(is_defined, toNullable(greatest(-1, least(1, resampled.spearman))), null) as rank_correlation,
            if(
                is_defined, {{ bootstrap_bound("replicates", "lower", "prompt_count") }}, null
            ) as rank_correlation_lower,
            if(
                is_defined, {{ bootstrap_bound("replicates", "upper", "prompt_count") }}, null
            ) as rank_correlation_upper
        from described
        left join resampled using (generation_key, suite_id)
    )

select
    judged.generation_key as generation_key,
    generation.generation_name as generation_name,
    generation.decoding_name as decoding_name,
    generation.sampling_name as sampling_name,
    generation.prompt_corpus_id as prompt_corpus_id,
    generation.prompt_token_count as prompt_token_count,
    generation.new_token_count as new_token_count,
    judged.suite_id as suite_id,
    model_count,
    prompt_count,
    least_fraction_of_training,
    greatest_fraction_of_training,
    if(tokenizer_count = 1, toNullable(exp(smallest_loss_nats)), null) as smallest_model_perplexity,
    if(tokenizer_count = 1, toNullable(exp(largest_loss_nats)), null) as largest_model_perplexity,
    rank_correlation as spearman,
    rank_correlation_lower as spearman_lower,
    rank_correlation_upper as spearman_upper,
    if(tokenizer_count = 1 and size_count > 1, toNullable(toBool(is_rising)), null) as is_strictly_increasing,
    cast(
        multiIf(
            reason != '' or rank_correlation_lower is null,
            null,
            rank_correlation_lower > 0,
            'inverse',
            rank_correlation_upper < 0,
            'regular',
            'undecided'
        ) as Nullable(String)
    ) as verdict,
    reason as reason_for_null,
    arrayStringConcat(
        arrayFilter(
            text -> text != '',
            [
                multiIf(
                    not is_defined,
                    '',
                    model_count = 3 and size_count = 3,
                    'with three models, the correlation can only be -1, -0.5, 0.5 or 1',
                    model_count < {{ var("interval_least_models") }},
                    format('with only {} models, the correlation takes few values', toString(model_count)),
                    ''
                ),
                if(
                    ifNull(least_fraction_of_training, 0) < ifNull(greatest_fraction_of_training, 0) - 0.01,
                    'the models have not been trained equally far',
                    ''
                )
            ]
        ),
        '; '
    ) as caveat
from judged
inner join {{ ref("dim_generation") }} as generation on judged.generation_key = generation.generation_key

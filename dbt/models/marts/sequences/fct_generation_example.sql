{{ config(order_by=["generation_key", "suite_id", "prompt_document_id"]) }}

with
    generation as (select * from {{ ref("dim_generation") }} where corpus_id != ''),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    suite_tokenizer as (
        select suite_id, corpus_id from {{ ref("int_suite_tokenizer") }} where tokenizer_count = 1
    ),

    final_checkpoint as (
        select model_id, corpus_id, generation_key, step from {{ ref("int_generation_loss") }} where is_final
    ),

    -- Perplexities per token of different tokenizers cannot be compared, so that suites with several
    -- tokenizers have no rows.
    loss as (
        select
            text.generation_key as generation_key,
            text.corpus_id as corpus_id,
            text.document_id as document_id,
            text.origin_document_id as prompt_document_id,
            model.suite_id as suite_id,
            text.model_id as model_id,
            model.parameter_count as parameter_count,
            text.token_count as token_count,
            text.loss_sum_nats / text.token_count as loss_nats,
            {{ mean_rank("model.parameter_count", "text.generation_key, text.document_id, model.suite_id") }}
            as size_rank,
            {{ mean_rank("loss_nats", "text.generation_key, text.document_id, model.suite_id") }} as loss_rank
        from {{ ref("int_sequence_loss_by_document") }} as text
        inner join
            final_checkpoint
            on text.model_id = final_checkpoint.model_id
            and text.corpus_id = final_checkpoint.corpus_id
            and text.generation_key = final_checkpoint.generation_key
            and text.step = final_checkpoint.step
        inner join model on text.model_id = model.model_id
        where (model.suite_id, text.corpus_id) in (select suite_id, corpus_id from suite_tokenizer)
    ),

    compared as (
        select
            generation_key,
            corpus_id,
            document_id,
            prompt_document_id,
            suite_id,
            toInt64(count()) as model_count,
            any(loss.token_count) as token_count,
            argMin(model_id, (parameter_count, model_id)) as smallest_model_id,
            argMax(model_id, (parameter_count, model_id)) as largest_model_id,
            argMin(loss_nats, (parameter_count, model_id)) as smallest_loss_nats,
            argMax(loss_nats, (parameter_count, model_id)) as largest_loss_nats,
            corr(size_rank, loss_rank) as rank_correlation,
            groupArray((parameter_count, loss_nats)) as points,
            uniqExact(parameter_count) > 1 as has_sizes
        from loss
        group by generation_key, corpus_id, document_id, prompt_document_id, suite_id
    ),

    -- A prompt may end within a character, whose bytes are then no valid text.
    document as (
        select
            corpus_id,
            document_id,
            toValidUTF8(substring(document_text, 1, scored_from_byte)) as prompt,
            toValidUTF8(substring(document_text, scored_from_byte + 1)) as continuation
        from {{ ref("stg_corpora__document") }}
        where corpus_id in (select corpus_id from generation)
    ),

    -- Line breaks are frequent. They are replaced first, because making other characters visible takes
    -- longer.
    labelled as (
        select
            corpus_id,
            document_id,
            replaceAll(replaceAll(prompt, '\r\n', '⏎'), '\n', '⏎') as prompt_line,
            replaceAll(replaceAll(continuation, '\r\n', '⏎'), '\n', '⏎') as generated_line
        from document
    )

select
    generation.generation_key as generation_key,
    generation.generation_name as generation_name,
    generation.decoding_name as decoding_name,
    generation.sampling_name as sampling_name,
    generation.prompt_corpus_id as prompt_corpus_id,
    generation.prompt_token_count as prompt_token_count,
    generation.new_token_count as new_token_count,
    compared.suite_id as suite_id,
    compared.prompt_document_id as prompt_document_id,
    compared.corpus_id as corpus_id,
    compared.document_id as document_id,
    {{ visible_text("labelled.prompt_line", 20000) }} as prompt_text,
    {{ visible_text("labelled.generated_line", 20000) }} as generated_text,
    compared.token_count as token_count,
    model_count,
    toLowCardinality(smallest_model_id) as smallest_model_id,
    toLowCardinality(largest_model_id) as largest_model_id,
    exp(smallest_loss_nats) as smallest_model_perplexity,
    exp(largest_loss_nats) as largest_model_perplexity,
    largest_loss_nats - smallest_loss_nats as log_perplexity_ratio_nats,
    if(
        model_count > 2 and isFinite(rank_correlation),
        toNullable(greatest(-1, least(1, rank_correlation))),
        null
    ) as spearman,
    if(
        has_sizes,
        toNullable(
            toBool(
                arrayAll(
                    small -> arrayAll(large -> large .1 <= small .1 or large .2 > small .2, points), points
                )
            )
        ),
        null
    ) as is_strictly_increasing
from compared
inner join generation on compared.generation_key = generation.generation_key
inner join labelled on compared.corpus_id = labelled.corpus_id and compared.document_id = labelled.document_id

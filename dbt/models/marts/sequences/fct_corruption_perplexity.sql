{{
    config(
        order_by=["source_corpus_id", "corruption_kind", "corruption_rate", "model_id", "step"],
        query_settings={"join_use_nulls": 1, "max_block_size": 1024},
    )
}}

with
    document as (select * from {{ ref("int_sequence_document") }} where corruption_kind != ''),

    variant as (
        select
            corpus_id,
            any(document.origin_corpus_id) as source_corpus_id,
            any(document.corruption_kind) as corruption_kind,
            any(document.corruption_rate) as corruption_rate,
            any(document.corruption_unit) as corruption_unit,
            any(document.seed) as seed,
            any(document.tokenizer_id) as tokenizer_id,
            max(document.vocabulary_size) as vocabulary_size,
            max(document.source_token_count) as longest_source_token_count,
            sum(changed_token_count) / nullIf(sum(source_token_count), 0) as changed_token_ratio,
            toInt64(count()) as document_count
        from document
        group by corpus_id
    ),

    unchanged as (select * from document where corruption_kind = 'none'),

    -- The unchanged texts of a variant hold all of its documents, cut to the same length and tokenised
    -- alike. Of several such corpora, the variant itself or else the last by name counts.
    compared as (
        select
            document.corpus_id as corpus_id,
            unchanged.corpus_id as unchanged_corpus_id,
            toInt64(count()) as compared_document_count
        from document
        inner join
            unchanged
            on document.origin_corpus_id = unchanged.origin_corpus_id
            and document.origin_document_id = unchanged.origin_document_id
            and document.source_token_count = unchanged.source_token_count
            and document.tokenizer_id = unchanged.tokenizer_id
        group by corpus_id, unchanged_corpus_id
    ),

    unchanged_corpus as (
        select
            compared.corpus_id as corpus_id,
            argMax(
                unchanged_corpus_id, (unchanged_corpus_id = compared.corpus_id, unchanged_corpus_id)
            ) as unchanged_corpus_id
        from compared
        inner join variant on compared.corpus_id = variant.corpus_id
        where compared_document_count = document_count
        group by compared.corpus_id
    ),

    text as (
        select corpus_id, model_id, step, origin_corpus_id, origin_document_id, token_count, loss_sum_nats
        from {{ ref("int_sequence_loss_by_document") }}
        where generation_key = ''
    ),

    unchanged_loss as (
        select
            text.corpus_id as corpus_id,
            text.model_id as model_id,
            text.step as step,
            sum(unchanged_text.loss_sum_nats) / sum(unchanged_text.token_count) as unchanged_loss_nats,
            toInt64(count()) as unchanged_document_count
        from text
        inner join unchanged_corpus on text.corpus_id = unchanged_corpus.corpus_id
        inner join
            text as unchanged_text
            on unchanged_corpus.unchanged_corpus_id = unchanged_text.corpus_id
            and text.model_id = unchanged_text.model_id
            and text.step = unchanged_text.step
            and text.origin_corpus_id = unchanged_text.origin_corpus_id
            and text.origin_document_id = unchanged_text.origin_document_id
        group by corpus_id, model_id, step
    ),

    loss as (
        select
            *,
            loss_sum_nats / token_count as loss_nats,
            max(step) over (partition by model_id, corpus_id) as final_step,
            {{ bootstrap_bound("loss_replicates_nats", "lower", "document_block_count") }} as loss_lower,
            {{ bootstrap_bound("loss_replicates_nats", "upper", "document_block_count") }} as loss_upper,
            {{ bootstrap_bound("bits_per_byte_replicates", "lower", "document_block_count") }}
            as bits_per_byte_lower,
            {{ bootstrap_bound("bits_per_byte_replicates", "upper", "document_block_count") }}
            as bits_per_byte_upper
        from {{ ref("int_sequence_loss") }}
        where generation_key = ''
    ),

    series as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    checkpoint as (select * from {{ ref("dim_checkpoint") }}),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }})

select
    loss.corpus_id as corpus_id,
    toLowCardinality(variant.source_corpus_id) as source_corpus_id,
    toLowCardinality(variant.corruption_kind) as corruption_kind,
    variant.corruption_rate as corruption_rate,
    round(100 * variant.corruption_rate, 3) as corruption_percent,
    toLowCardinality(variant.corruption_unit) as corruption_unit,
    variant.seed as seed,
    changed_token_ratio,
    longest_source_token_count,
    toLowCardinality(coalesce(model.suite_id, '')) as suite_id,
    loss.model_id as model_id,
    coalesce(model.parameter_count, 0) as parameter_count,
    {{ checkpoint_id("loss.model_id", "loss.step") }} as checkpoint_id,
    loss.step as step,
    toBool(loss.step = final_step) as is_final,
    checkpoint.tokens_seen as tokens_seen,
    checkpoint.fraction_of_training as fraction_of_training,
    checkpoint.train_flops_6n as train_flops_6n,
    checkpoint.train_flops_palm as train_flops_palm,
    toBool(series.tokenizer_id = variant.tokenizer_id) as has_corruption_tokenizer,
    loss.text_count as document_count,
    loss.token_count as token_count,
    loss_nats as log_perplexity_nats,
    loss_lower as log_perplexity_lower,
    loss_upper as log_perplexity_upper,
    exp(loss_nats) as perplexity,
    exp(loss_lower) as perplexity_lower,
    exp(loss_upper) as perplexity_upper,
    if(loss.byte_count > 0, loss.loss_sum_nats / (log(2) * loss.byte_count), null) as bits_per_byte,
    loss.bits_per_byte_lower as bits_per_byte_lower,
    loss.bits_per_byte_upper as bits_per_byte_upper,
    if(unchanged_document_count = loss.text_count, exp(unchanged_loss_nats), null) as unchanged_perplexity,
    if(
        has_corruption_tokenizer and vocabulary_size > 0, toNullable(toFloat64(vocabulary_size)), null
    ) as random_model_perplexity
from loss
inner join variant on loss.corpus_id = variant.corpus_id
inner join series on loss.model_id = series.model_id and loss.corpus_id = series.corpus_id
left join model on loss.model_id = model.model_id
left join checkpoint on loss.model_id = checkpoint.model_id and loss.step = checkpoint.step
left join
    unchanged_loss
    on loss.corpus_id = unchanged_loss.corpus_id
    and loss.model_id = unchanged_loss.model_id
    and loss.step = unchanged_loss.step

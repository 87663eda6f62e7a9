{{ config(materialized="view") }}

with
    generation as (
        select
            generation_key,
            generation_name,
            decoding_name,
            sampling_name,
            prompt_corpus_id,
            new_token_count,
            tokenizer_id,
            corpus_id
        from {{ ref("dim_generation") }}
        where corpus_id != ''
    ),

    document as (
        select
            generation.generation_key as generation_key,
            generation.generation_name as generation_name,
            generation.decoding_name as decoding_name,
            generation.sampling_name as sampling_name,
            generation.prompt_corpus_id as prompt_corpus_id,
            generation.new_token_count as new_token_count,
            generation.tokenizer_id as tokenizer_id,
            generation.corpus_id as corpus_id,
            document.document_id as document_id,
            document.origin_document_id as prompt_document_id
        from {{ ref("int_sequence_document") }} as document
        inner join
            generation
            on document.generation_key = generation.generation_key
            and document.corpus_id = generation.corpus_id
    ),

    boundary as (
        select corpus_id, document_id, scored_from_position
        from {{ ref("stg_corpora__document") }}
        where corpus_id in (select corpus_id from generation)
    ),

    generated_text as (select * from {{ ref("stg_sequences__generated_text") }}),

    token as (
        select tokenizer_id, corpus_id, document_id, position, token_text
        from {{ ref("stg_corpora__token") }}
        where (tokenizer_id, corpus_id) in (select tokenizer_id, corpus_id from generation)
    ),

    located as (
        select
            document.generation_key as generation_key,
            document.generation_name as generation_name,
            document.decoding_name as decoding_name,
            document.sampling_name as sampling_name,
            document.prompt_corpus_id as prompt_corpus_id,
            document.new_token_count as new_token_count,
            document.tokenizer_id as tokenizer_id,
            document.corpus_id as corpus_id,
            document.document_id as document_id,
            document.prompt_document_id as prompt_document_id,
            boundary.scored_from_position as scored_from_position,
            generated_text.is_fallback as fallbacks,
            generated_text.small_log_prob_nats as small_values,
            generated_text.large_log_prob_nats as large_values
        from document
        inner join
            boundary
            on document.corpus_id = boundary.corpus_id
            and document.document_id = boundary.document_id
        inner join
            generated_text
            on document.generation_key = generated_text.generation_key
            and document.prompt_document_id = generated_text.prompt_document_id
    ),

    described as (
        select
            located.generation_key as generation_key,
            located.generation_name as generation_name,
            located.decoding_name as decoding_name,
            located.sampling_name as sampling_name,
            located.prompt_corpus_id as prompt_corpus_id,
            located.new_token_count as new_token_count,
            located.corpus_id as corpus_id,
            located.document_id as document_id,
            located.prompt_document_id as prompt_document_id,
            token.position as position,
            toInt32(token.position - located.scored_from_position + 1) as place,
            toBool(place < 1) as is_prompt,
            token.token_text as token_text,
            {{ visible_text("token_text") }} as visible_text,
            cast(match(token_text, '[\\n\\r]') as Bool) as has_line_break,
            toBool(place > 0 and fallbacks[greatest(place, 1)]) as is_fallback,
            if(
                place between 1 and length(small_values),
                toNullable(toFloat64(small_values[greatest(place, 1)])),
                null
            ) as small_log_prob_nats,
            if(
                place between 1 and length(large_values),
                toNullable(toFloat64(large_values[greatest(place, 1)])),
                null
            ) as large_log_prob_nats,
            small_log_prob_nats - large_log_prob_nats as log_prob_ratio_nats,
            multiIf(
                is_prompt,
                'prompt',
                log_prob_ratio_nats > 1,
                'small-strongly',
                log_prob_ratio_nats > 0,
                'small',
                log_prob_ratio_nats < -1,
                'large-strongly',
                'large'
            ) as preference
        from token
        inner join
            located
            on token.tokenizer_id = located.tokenizer_id
            and token.corpus_id = located.corpus_id
            and token.document_id = located.document_id
    )

select * except (place)
from described

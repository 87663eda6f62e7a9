{{ config(order_by=["generation_key"]) }}

with
    generation as (select * from {{ ref("stg_sequences__generation") }}),

    series as (
        select corpus_id, sum(checkpoint_count) as scored_checkpoint_count
        from {{ ref("int_series_fingerprint") }}
        group by corpus_id
    ),

    text_count as (
        select generation_key, corpus_id, toInt64(count()) as corpus_text_count
        from {{ ref("int_sequence_document") }}
        where generation_key != ''
        group by generation_key, corpus_id
    ),

    -- Several corpora may hold the texts of a generation. One of them stands for all: that with the
    -- most scored checkpoints, and of equal ones the last by name.
    held as (
        select
            generation_key,
            toLowCardinality(
                argMax(text_count.corpus_id, (scored_checkpoint_count, text_count.corpus_id))
            ) as corpus_id,
            argMax(corpus_text_count, (scored_checkpoint_count, text_count.corpus_id)) as text_count
        from text_count
        left join series on text_count.corpus_id = series.corpus_id
        group by generation_key
    ),

    named as (
        select
            generation.*,
            held.corpus_id as corpus_id,
            held.text_count as text_count,
            if(
                sampling = 'nucleus', concat('nucleus ', toString(top_p)), toString(sampling)
            ) as sampling_name,
            concat(
                decoding_name,
                ' ',
                sampling_name,
                ', ',
                toString(prompt_token_count),
                ' + ',
                toString(new_token_count),
                ' tokens, ',
                {{ checkpoint_id("small_model_id", "small_step") }},
                ' with ',
                {{ checkpoint_id("large_model_id", "large_step") }},
                ', prompts of ',
                prompt_corpus_id,
                if(sampling = 'nucleus', concat(', seed ', toString(seed)), '')
            ) as described_name,
            if(
                count() over (partition by described_name) > 1,
                concat(described_name, ', key ', left(generation_key, 8)),
                described_name
            ) as generation_name
        from generation
        left join held on generation.generation_key = held.generation_key
    )

select
    generation_key,
    generation_name,
    decoding_name,
    decoding_method,
    small_weight,
    large_weight,
    plausibility,
    sampling_name,
    sampling,
    top_p,
    seed,
    small_model_id,
    small_step,
    large_model_id,
    large_step,
    tokenizer_id,
    prompt_corpus_id,
    prompt_token_count,
    new_token_count,
    corpus_id,
    text_count
from named

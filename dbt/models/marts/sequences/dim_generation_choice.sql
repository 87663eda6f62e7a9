{{ config(order_by=["suite_id", "prompt_corpus_id", "new_token_count", "decoding_name", "sampling_name"]) }}

with
    suite as (select distinct suite_id from {{ ref("dim_scored_model") }}),

    scored as (
        select suite_id, generation_key, prompt_corpus_id, new_token_count, decoding_name, sampling_name
        from {{ ref("fct_generation_scaling") }}
    ),

    generation as (select generation_key, small_weight, large_weight from {{ ref("dim_generation") }}),

    offered as (
        select distinct
            scored.suite_id as suite_id,
            scored.prompt_corpus_id as prompt_corpus_id,
            scored.new_token_count as new_token_count,
            scored.decoding_name as decoding_name,
            scored.sampling_name as sampling_name,
            generation.small_weight - generation.large_weight as small_preference,
            true as has_texts
        from scored
        inner join generation on scored.generation_key = generation.generation_key
    ),

    chosen as (
        select *
        from offered
        union all
        select
            suite_id,
            'no generated texts' as prompt_corpus_id,
            toInt32(0) as new_token_count,
            'none' as decoding_name,
            'none' as sampling_name,
            0. as small_preference,
            false as has_texts
        from suite
        where suite_id not in (select suite_id from scored)
    )

-- Superset chooses the first value of every filter before it knows those of the others.
-- The values of one row are the first ones of all filters, if each orders them by this preference.
select
    *,
    toInt64(
        row_number() over (
            order by
                has_texts,
                small_preference,
                suite_id desc,
                prompt_corpus_id desc,
                new_token_count desc,
                sampling_name desc,
                decoding_name desc
        )
    ) as preference
from chosen

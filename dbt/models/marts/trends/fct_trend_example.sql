{{ config(order_by=["convention_id", "corpus_id", "model_id", "start_percent", "category", "example_rank"]) }}

with
    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    pair as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    token_trend as (
        select
            convention_id, model_id, corpus_id, start_percent, category, document_id, position, slope, p_value
        from {{ ref("int_token_trend_by_start") }}
        where
            category in ('stagnated', 'upward', 'downward')
            and convention_id
            in (select convention_id from {{ ref("trend_convention") }} where is_kept_by_token)
    ),

    -- The steepest trends come first. Of the stagnated tokens, those whose slope is nearest to 0 come first.
    chosen as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            groupArraySorted({{ var("example_tokens") }})
            (
                (
                    if(category = 'stagnated', 1, -1) * abs(toFloat64(assumeNotNull(slope))),
                    document_id,
                    position,
                    slope,
                    p_value
                )
            ) as examples
        from token_trend
        group by convention_id, model_id, corpus_id, start_percent, category
    ),

    example as (
        select
            chosen.convention_id as convention_id,
            chosen.model_id as model_id,
            chosen.corpus_id as corpus_id,
            pair.tokenizer_id as tokenizer_id,
            chosen.start_percent as start_percent,
            chosen.category as category,
            toInt64(example_rank) as example_rank,
            token .2 as document_id,
            token .3 as position,
            token .4 as slope,
            token .5 as p_value
        from chosen
        inner join pair using (model_id, corpus_id)
        array join examples as token, arrayEnumerate(examples) as example_rank
    ),

    place as (select distinct tokenizer_id, corpus_id, document_id, position from example),

    {{ text_around("place") }},

    described as (
        select
            example.convention_id as convention_id,
            model.suite_id as suite_id,
            example.model_id as model_id,
            example.model_id as set_model_id,
            example.corpus_id as corpus_id,
            example.start_percent as start_percent,
            example.category as category,
            example.example_rank as example_rank,
            example.document_id as document_id,
            example.position as position,
            {{ text_beside("tokens", "example.position", "<") }} as text_before,
            {{ text_beside("tokens", "example.position", "=") }} as token_text,
            {{ text_beside("tokens", "example.position", ">") }} as text_after,
            concat(leftPad(toString(position), 4, '0'), ' · ', token_text) as token_label,
            example.slope as slope,
            example.p_value as p_value
        from example
        inner join model on example.model_id = model.model_id
        inner join
            context
            on example.tokenizer_id = context.tokenizer_id
            and example.corpus_id = context.corpus_id
            and example.document_id = context.document_id
            and example.position = context.position
    )

select *
from described

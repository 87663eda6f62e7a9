{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "property", "property_value", "category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_token_property_pair')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_token_property_pair"), "property_fingerprint") }}),

    pair as (select * from {{ ref("int_token_property_pair") }}),

    -- Model and corpus are replaced by one hash, because joins and groupings are faster with a hash than with
    -- names.
    token_trend as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            cityHash64(model_id, corpus_id) as pair_id,
            document_id,
            position
        from {{ ref("int_token_trend_by_start") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    token as (
        select
            cityHash64(pair.model_id, pair.corpus_id) as pair_id,
            document_id,
            position,
            position_bucket,
            word_part,
            word_class,
            frequency_bucket,
            cityHash64(position_bucket, word_part, word_class, frequency_bucket) as cell_id
        from {{ ref("int_token_property") }} as token_property
        inner join
            pair
            on token_property.tokenizer_id = pair.tokenizer_id
            and token_property.corpus_id = pair.corpus_id
        where (pair.model_id, pair.corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    token_cell as (select pair_id, document_id, position, cell_id from token),

    cell_property as (
        select
            cell_id,
            [
                ('frequency', toString(any(frequency_bucket))),
                ('position', toString(any(position_bucket))),
                ('word class', toString(any(word_class))),
                ('word part', toString(any(word_part)))
            ] as properties
        from token
        group by cell_id
    ),

    -- Tokens are first counted by the combination of all properties, because there are few combinations
    -- and many tokens.
    cell as (
        select convention_id, model_id, corpus_id, start_percent, category, cell_id, count() as cell_count
        from token_trend
        inner join token_cell using (pair_id, document_id, position)
        group by convention_id, model_id, corpus_id, start_percent, category, cell_id
    ),

    counted as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            property_and_value .1 as property,
            property_and_value .2 as property_value,
            category,
            toInt64(sum(cell_count)) as token_count,
            any(stale_pair.property_fingerprint) as property_fingerprint
        from cell
        inner join stale_pair using (model_id, corpus_id)
        inner join cell_property using (cell_id)
        array join properties as property_and_value
        group by convention_id, model_id, corpus_id, start_percent, property, property_value, category
    )

select *
from counted

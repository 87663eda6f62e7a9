{{
    config(
        materialized="incremental",
        incremental_strategy="insert_overwrite",
        on_schema_change="fail",
        engine="MergeTree()",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "property", "property_value", "category"],
        pre_hook="{{ drop_vanished_pairs(ref('int_token_property_pair')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_token_property_pair"), "property_fingerprint") }}),

    pair as (select * from {{ ref("int_token_property_pair") }}),

    token_trend as (
        select convention_id, model_id, corpus_id, start_percent, category, document_id, position
        from {{ ref("int_token_trend_by_start") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    token as (
        select
            pair.model_id as model_id,
            token_property.corpus_id as corpus_id,
            document_id,
            position,
            position_bucket,
            word_part,
            word_class,
            frequency_bucket
        from {{ ref("int_token_property") }} as token_property
        inner join
            pair
            on token_property.tokenizer_id = pair.tokenizer_id
            and token_property.corpus_id = pair.corpus_id
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- counted by all properties at once first: the cells are few, the tokens many
    cell as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            position_bucket,
            word_part,
            word_class,
            frequency_bucket,
            count() as cell_count
        from token_trend
        inner join token using (model_id, corpus_id, document_id, position)
        group by all
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
        array join
            [
                ('frequency', toString(frequency_bucket)),
                ('position', toString(position_bucket)),
                ('word class', toString(word_class)),
                ('word part', toString(word_part))
            ] as property_and_value
        group by convention_id, model_id, corpus_id, start_percent, property, property_value, category
    )

select *
from counted

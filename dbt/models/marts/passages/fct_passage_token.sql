{{ config(materialized="view") }}

with
    token as (select * from {{ ref("stg_corpora__token") }}),

    pair as (select model_id, corpus_id, tokenizer_id from {{ ref("int_series_fingerprint") }}),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    kept_convention as (select convention_id from {{ ref("trend_convention") }} where is_kept_by_token),

    start as (
        select distinct convention_id, model_id, corpus_id, start_percent
        from {{ ref("int_trend_count_by_start") }}
        where convention_id in (select convention_id from kept_convention)
    ),

    scope as (
        select convention_id, suite_id, model_id, corpus_id, tokenizer_id, start_percent
        from start
        inner join pair using (model_id, corpus_id)
        inner join model using (model_id)
    ),

    token_trend as (select * from {{ ref("int_token_trend_by_start") }}),

    -- A token without a determined trend is kept, because it still belongs to the text.
    passage as (
        select
            scope.convention_id as convention_id,
            scope.suite_id as suite_id,
            scope.model_id as model_id,
            scope.corpus_id as corpus_id,
            scope.start_percent as start_percent,
            token.tokenizer_id as tokenizer_id,
            token.document_id as document_id,
            token.position as position,
            token.byte_start as byte_start,
            token.byte_end as byte_end,
            token.token_text as token_text,
            {{ visible_text("token_text") }} as visible_text,
            cast(match(token_text, '[\\n\\r]') as Bool) as has_line_break,
            concat(leftPad(toString(position), 4, '0'), ' · ', visible_text) as token_label,
            token.word_index as word_index,
            cast(
                if(token_trend.category in ('', 'undetermined'), null, token_trend.category) as Nullable(
                    String
                )
            ) as category,
            cast(token_trend.slope as Nullable(Float32)) as slope,
            cast(token_trend.p_value as Nullable(Float32)) as p_value
        from token
        inner join scope on token.tokenizer_id = scope.tokenizer_id and token.corpus_id = scope.corpus_id
        left join
            token_trend
            on scope.convention_id = token_trend.convention_id
            and scope.model_id = token_trend.model_id
            and scope.start_percent = token_trend.start_percent
            and token.corpus_id = token_trend.corpus_id
            and token.document_id = token_trend.document_id
            and token.position = token_trend.position
    )

select *
from passage

{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "category"],
        query_settings={"join_use_nulls": 0, "max_block_size": 8192},
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    document_count as (
        select *
        from {{ ref("int_trend_document_count") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
        union all
        select *
        from {{ ref("int_trend_variant_count") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    document_weight as (select corpus_id, document_id, weights from {{ ref("int_document_weight") }}),

    category_total as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            toInt64(sum(document_count.token_count)) as token_count,
            {{ weighted_document_sums("document_count.token_count") }} as weighted_counts,
            any(document_count.trend_fingerprint) as trend_fingerprint
        from document_count
        inner join document_weight using (corpus_id, document_id)
        group by convention_id, model_id, corpus_id, start_percent, category
    ),

    start_total as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            sum(category_total.token_count) as start_token_count,
            sumForEach(weighted_counts) as start_weighted_counts
        from category_total
        where category != 'undetermined'
        group by convention_id, model_id, corpus_id, start_percent
    ),

    start_document as (
        select convention_id, model_id, corpus_id, start_percent, uniqExact(document_id) as document_count
        from document_count
        where category != 'undetermined'
        group by convention_id, model_id, corpus_id, start_percent
    ),

    bounded as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            category_total.token_count as token_count,
            category_total.trend_fingerprint as trend_fingerprint,
            arrayMap(
                (part, whole) -> part / greatest(whole, 1), weighted_counts, start_weighted_counts
            ) as shares,
            category_total.token_count / start_total.start_token_count as token_share,
            {{ bootstrap_logit_half_width("token_share", "shares", "start_document.document_count") }}
            as logit_half_width
        from category_total
        left join start_total using (convention_id, model_id, corpus_id, start_percent)
        left join start_document using (convention_id, model_id, corpus_id, start_percent)
    ),

    -- An undetermined trend has no share.
    described as (
        select
            * except (token_share, shares, logit_half_width),
            if(category = 'undetermined', null, toNullable(bounded.token_share)) as token_share,
            {{ logit_bound("token_share", "logit_half_width", "lower") }} as share_lower,
            {{ logit_bound("token_share", "logit_half_width", "upper") }} as share_upper
        from bounded
    )

select
    convention_id,
    model_id,
    corpus_id,
    start_percent,
    category,
    token_count,
    token_share,
    share_lower,
    share_upper,
    trend_fingerprint
from described

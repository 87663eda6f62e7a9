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

    block_count as (
        select *
        from {{ ref("int_trend_count_by_document_block") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    -- A block without a token in a category has a count of 0 there.
    block as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            max(block_count.fit_point_count) as fit_point_count,
            any(block_count.property_fingerprint) as property_fingerprint,
            sum(block_count.token_count) as total_count,
            sumForEach(block_count.token_counts) as property_counts,
            sumMap([block_count.category], [block_count.token_count]) as category_totals,
            groupArray((block_count.category, block_count.token_counts)) as category_counts
        from block_count
        group by convention_id, model_id, corpus_id, start_percent, document_block
    ),

    -- The counts of one block, as in dbt/macros/document_sandwich.sql: a, n with the property and c, m
    -- without it, where a and c are in the category.
    cell as (
        select
            * except (category_totals, category_counts),
            arrayJoin({{ determined_categories() }}) as category,
            arrayFirst(entry -> entry .1 = category, category_counts) .2 as found_counts,
            arrayMap(
                (in_category, n) -> (
                    toFloat64(in_category),
                    toFloat64(n),
                    toFloat64(category_totals .2 [indexOf(category_totals .1, category)] - in_category),
                    toFloat64(total_count - n)
                ),
                arrayResize(found_counts, length(property_counts)),
                property_counts
            ) as cells
        from block
    ),

    summed as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            max(cell.fit_point_count) as fit_point_count,
            any(cell.property_fingerprint) as property_fingerprint,
            {{ document_sums("cells") }}
        from cell
        group by convention_id, model_id, corpus_id, start_percent, category
    ),

    estimated as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            slot .1 as property,
            slot .2 as property_value,
            category,
            toInt64(a) as token_count,
            document_count,
            fit_point_count,
            a / n as p,
            c / m as q,
            {{ logit_variances() }},
            property_fingerprint
        from summed
        array join
            {{ token_property_slots() }} as slot,
            {% for product in document_products() %} {{ product }}_sums as {{ product }}, {% endfor %}
            document_counts as document_count
        where a > 0
    )

select
    convention_id,
    model_id,
    corpus_id,
    start_percent,
    property,
    property_value,
    category,
    token_count,
    toInt64(document_count) as document_count,
    effective_document_count,
    other_effective_document_count,
    fit_point_count,
    share_logit_variance,
    log_odds_ratio_variance,
    property_fingerprint
from estimated

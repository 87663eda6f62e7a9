{{
    config(
        materialized="incremental",
        partition_by=["set_model_id", "model_id", "corpus_id"],
        order_by=["start_percent", "category", "step"],
        query_settings={"join_use_nulls": 0, "max_bytes_before_external_group_by": 4000000000},
        pre_hook="{{ drop_vanished_pairs(ref('int_token_set_pair'), 'set_model_id, model_id, corpus_id') }}",
    )
}}

with
    stale_pair as (
        {{
            select_stale_pairs(
                ref("int_token_set_pair"), "pair_fingerprint", "set_model_id, model_id, corpus_id"
            )
        }}
    ),

    token_category as (
        select model_id as set_model_id, corpus_id, document_id, position, category_code
        from {{ ref("int_token_category") }}
        where (model_id, corpus_id) in (select set_model_id, corpus_id from stale_pair)
    ),

    token_series as (
        select model_id, corpus_id, document_id, position, step_set_id, steps, log_prob_nats
        from {{ ref("int_token_series") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    paired_series as (
        select
            stale_pair.set_model_id as set_model_id,
            token_series.model_id as model_id,
            token_series.corpus_id as corpus_id,
            {{ document_block("token_series.document_id", var("jackknife_blocks")) }} as document_block,
            step_set_id,
            steps,
            arrayMap(score -> toDecimal64(toFloat64(score), 9), log_prob_nats) as scores,
            category_code,
            pair_fingerprint
        from token_series
        inner join
            stale_pair
            on token_series.model_id = stale_pair.model_id
            and token_series.corpus_id = stale_pair.corpus_id
        inner join
            token_category
            on stale_pair.set_model_id = token_category.set_model_id
            and token_series.corpus_id = token_category.corpus_id
            and token_series.document_id = token_category.document_id
            and token_series.position = token_category.position
    ),

    -- A category code is one number that holds the trend categories of a token, one category for each start
    -- of the trend fit. First, the log-probabilities of all tokens with the same code are summed at each
    -- step, so that the log-probabilities of a token are read only once. Then the sums of all codes with the
    -- same category at a start are added up. All sums are first those of blocks of documents, because the
    -- interval over documents needs them. Scores are summed as decimals because a sum of floats
    -- would depend on the order of the rows.
    summed_by_code as (
        select
            set_model_id,
            model_id,
            corpus_id,
            document_block,
            category_code,
            step_set_id,
            any(paired_series.steps) as scored_steps,
            sumForEach(scores) as score_sums,
            count() as token_count,
            any(paired_series.pair_fingerprint) as fingerprint
        from paired_series
        group by set_model_id, model_id, corpus_id, document_block, category_code, step_set_id
    ),

    summed_by_category as (
        select
            set_model_id,
            model_id,
            corpus_id,
            document_block,
            toUInt8(start) as start_percent,
            toLowCardinality({{ decode_category("category_code", "start_ordinal") }}) as category,
            any(summed_by_code.scored_steps) as scored_steps,
            sumForEach(score_sums) as category_sums,
            sum(summed_by_code.token_count) as category_token_count,
            any(summed_by_code.fingerprint) as fingerprint
        from summed_by_code
        array join
            {{ var("trend_start_percents") }} as start,
            arrayEnumerate({{ var("trend_start_percents") }}) as start_ordinal
        where category not in ('', 'undetermined')
        group by set_model_id, model_id, corpus_id, document_block, start_percent, category, step_set_id
    ),

    summed_by_block as (
        select
            set_model_id,
            model_id,
            corpus_id,
            document_block,
            start_percent,
            category,
            step,
            toInt64(sum(category_token_count)) as block_token_count,
            toFloat64(sum(category_sum)) as block_log_prob_sum_nats,
            any(fingerprint) as block_fingerprint
        from summed_by_category
        array join scored_steps as step, category_sums as category_sum
        group by set_model_id, model_id, corpus_id, document_block, start_percent, category, step
    ),

    gathered as (
        select
            set_model_id,
            model_id,
            corpus_id,
            start_percent,
            category,
            step,
            sum(block_token_count) as token_count,
            toFloat64(sum(toDecimal128(block_log_prob_sum_nats, 9))) as log_prob_sum_nats,
            {{ sums_by_document("block_log_prob_sum_nats", "block_token_count") }} as document_sums,
            any(block_fingerprint) as pair_fingerprint
        from summed_by_block
        group by set_model_id, model_id, corpus_id, start_percent, category, step
    ),

    summed as (
        select
            * except (document_sums, pair_fingerprint),
            toInt64(length(document_sums)) as document_block_count,
            {{ effective_document_count("document_sums") }} as effective_block_count,
            {{ jackknife_standard_error("document_sums") }} as loss_standard_error_nats,
            pair_fingerprint
        from gathered
    )

select *
from summed

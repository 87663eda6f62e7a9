{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["unit", "predictor_id", "step"],
        settings={"index_granularity": 64},
        query_settings={"join_use_nulls": 0, "max_block_size": 8, "max_joined_block_size_rows": 8},
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_fingerprint')) }}",
    )
}}

with
    {{ stale_phase_pairs() }},

    weight as (select * from {{ ref("int_phase_weight") }}),

    unit_set as (
        select corpus_id, unit, tokenizer_id, block_ranges, document_block_count
        from {{ ref("int_phase_unit_set") }}
    ),

    predictor as (
        select corpus_id, unit, tokenizer_id, predictor_id, predictor_values, training_mask
        from {{ ref("int_phase_predictor") }}
        where predictor_kind = 'ngram' and not is_constant
    ),

    -- Values are centred, so that the sums of squares lose no digits. A unit that is not counted has zeros
    -- everywhere.
    centred as (
        select
            model_id,
            checkpoint.corpus_id as corpus_id,
            checkpoint.unit as unit,
            checkpoint.tokenizer_id as tokenizer_id,
            step,
            predictor_id,
            block_ranges,
            arrayMap(
                (mask, value) -> toFloat64(mask and isNotNull(value)), training_mask, log_prob_nats
            ) as counted,
            arraySum(counted) as counted_total,
            arrayMap((value, c) -> ifNull(value, 0) * c, log_prob_nats, counted) as counted_log_probs,
            arrayMap((value, c) -> ifNull(value, 0) * c, predictor_values, counted) as counted_predictors,
            arraySum(counted_log_probs) / counted_total as log_prob_mean,
            arraySum(counted_predictors) / counted_total as predictor_mean,
            arrayMap((value, c) -> (value - log_prob_mean) * c, counted_log_probs, counted) as y,
            arrayMap((value, c) -> (value - predictor_mean) * c, counted_predictors, counted) as x,
            phase_fingerprint
        from checkpoint
        inner join
            unit_set
            on checkpoint.corpus_id = unit_set.corpus_id
            and checkpoint.unit = unit_set.unit
            and checkpoint.tokenizer_id = unit_set.tokenizer_id
        inner join
            predictor
            on checkpoint.corpus_id = predictor.corpus_id
            and checkpoint.unit = predictor.unit
            and checkpoint.tokenizer_id = predictor.tokenizer_id
        where document_block_count >= {{ var("bootstrap_least_documents") }}
    ),

    summed as (
        select
            model_id,
            corpus_id,
            unit,
            tokenizer_id,
            step,
            predictor_id,
            {{ block_sums("counted") }} as block_counts,
            {{ block_sums("x") }} as block_x,
            {{ block_sums("y") }} as block_y,
            {{ block_sums("arrayMap((a, b) -> a * b, x, x)") }} as block_xx,
            {{ block_sums("arrayMap((a, b) -> a * b, y, y)") }} as block_yy,
            {{ block_sums("arrayMap((a, b) -> a * b, x, y)") }} as block_xy,
            phase_fingerprint
        from centred
        where counted_total >= 5
    ),

    replicated as (
        select
            model_id,
            summed.corpus_id as corpus_id,
            summed.unit as unit,
            step,
            predictor_id,
            arrayMap(
                (n, sum_x, sum_y, xx, yy, xy) -> if(
                    xx - sum_x * sum_x / n > 0 and yy - sum_y * sum_y / n > 0,
                    (xy - sum_x * sum_y / n) / sqrt((xx - sum_x * sum_x / n) * (yy - sum_y * sum_y / n)),
                    -2
                ),
                {{ replicate_sums("block_counts") }},
                {{ replicate_sums("block_x") }},
                {{ replicate_sums("block_y") }},
                {{ replicate_sums("block_xx") }},
                {{ replicate_sums("block_yy") }},
                {{ replicate_sums("block_xy") }}
            ) as pearson_replicates,
            phase_fingerprint
        from summed
        inner join
            weight
            on summed.corpus_id = weight.corpus_id
            and summed.unit = weight.unit
            and summed.tokenizer_id = weight.tokenizer_id
    )

select *
from replicated

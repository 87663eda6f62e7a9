{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["start_percent", "document_id", "position"],
        projections=[pair_projection("trend_fingerprint")],
        query_settings={"short_circuit_function_evaluation": "disable"},
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    trend_design as (
        select *
        from {{ ref("int_trend_design") }}
        where convention_id in (select convention_id from default_convention)
    ),

    token_series as (
        select *
        from {{ ref("int_token_series") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair) and not is_prompt
    ),

    -- The arrays begin with the newest checkpoint. A test over the last m checkpoints therefore reads the
    -- first m elements.
    compared as (
        select
            *,
            toFloat64(log_prob_nats[-1]) as last_log_prob_nats,
            arrayReverse(log_prob_nats) as newest_first,
            arrayMap(score -> last_log_prob_nats - score, newest_first) as log_ratios,
            -- Each checkpoint gets the number of later checkpoints with a higher perplexity, minus the number
            -- of later checkpoints with a lower perplexity.
            arrayMap(
                (score, ordinal) -> arraySum(
                    later -> toInt32(later < score) - toInt32(later > score),
                    arraySlice(newest_first, 1, ordinal - 1)
                ),
                newest_first,
                arrayEnumerate(newest_first)
            ) as concordances,
            arrayMap(occurrence -> occurrence - 1, arrayEnumerateUniq(newest_first)) as later_ties
        from token_series
        inner join trend_design using (model_id, corpus_id, step_set_id)
    ),

    -- If a group of t equal perplexities grows to t + 1, the number of tied pairs grows by t. In the variance
    -- of the Mann-Kendall score, the term t (t - 1) (2 t + 5) grows by 6 t (t + 2).
    suffix_sum as (
        select
            *,
            arrayCumSum(concordances) as cumulated_score,
            arrayCumSum(later_ties) as cumulated_pairs,
            arrayCumSum(ties -> 6 * ties * (ties + 2), later_ties) as cumulated_correction,
            arrayCumSum(log_ratios) as cumulated_log_ratio,
            {{ at_starts("cumulated_score") }} as scores,
            {{ at_starts("cumulated_pairs") }} as tied_pair_counts,
            {{ at_starts("cumulated_correction") }} as tie_corrections,
            {{ at_starts("cumulated_log_ratio") }} as log_ratio_sums,
            {{ at_starts("log_ratios") }} as start_log_ratios
        from compared
    ),

    tested as (
        select
            model_id,
            corpus_id,
            start_percent,
            document_id,
            position,
            start_step,
            fit_point_count,
            kendall_score,
            tied_pair_count,
            stagnation_lower,
            stagnation_upper,
            trend_fingerprint,
            toFloat64(fit_point_count) as points,
            points * (points - 1) / 2 as pair_count,
            (points * (points - 1) * (2 * points + 5) - tie_correction) / 18 as score_variance,
            kendall_score / sqrt(pair_count * (pair_count - tied_pair_count)) as tau_b,
            if(
                kendall_score = 0,
                1.,
                erfc((abs(kendall_score) - 1) / sqrt(2 * greatest(score_variance, 1e-300)))
            ) as normal_p_value,
            exp(least(600., start_log_ratio - log_ratio_sum / points)) as start_to_average,
            exp(least(600., - log_ratio_sum / points)) as end_to_average,
            fit_point_count >= 4 and normal_p_value < significance_level as is_significant
        from suffix_sum
        array join
            start_percents as start_percent,
            start_steps as start_step,
            fit_point_counts as fit_point_count,
            scores as kendall_score,
            tied_pair_counts as tied_pair_count,
            tie_corrections as tie_correction,
            log_ratio_sums as log_ratio_sum,
            start_log_ratios as start_log_ratio
        where fit_point_count > 0
    )

select
    model_id,
    corpus_id,
    start_percent,
    document_id,
    position,
    start_step,
    fit_point_count,
    toInt32(kendall_score) as kendall_score,
    cast(if(pair_count > tied_pair_count, tau_b, null) as Nullable(Float32)) as kendall_tau_b,
    cast(if(fit_point_count >= 4, normal_p_value, null) as Nullable(Float32)) as p_value,
    toLowCardinality({{ trend_category("kendall_score") }}) as category,
    trend_fingerprint
from tested

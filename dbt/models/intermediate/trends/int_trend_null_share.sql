{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["convention_id", "start_percent", "category"],
        query_settings={"join_use_nulls": 0, "max_joined_block_size_rows": 1024},
        contract={"enforced": true},
        pre_hook="{{ drop_vanished_pairs(ref('int_trend_fingerprint')) }}",
    )
}}

with
    stale_pair as ({{ select_stale_pairs(ref("int_trend_fingerprint"), "trend_fingerprint") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    scored_step_set as (
        select model_id, corpus_id, step_set_id, arrayReverse(steps) as newest_steps
        from {{ ref("int_scored_step_set") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    ),

    trend_design as (
        select *
        from {{ ref("int_trend_design") }}
        inner join scored_step_set using (model_id, corpus_id, step_set_id)
        where convention_id in (select convention_id from default_convention)
    ),

    -- A permutation exchanges the checkpoints of a fit. It is the same for all tokens of a model, because the
    -- losses of all tokens at one checkpoint belong together. permuted_regressors holds, for each
    -- permutation, the regressor that every checkpoint gets; the checkpoints are in descending order of
    -- steps.
    permuted_start as (
        select
            * except (start_percents, fit_point_counts, regressor_sums, regressor_variations),
            start_percent,
            fit_point_count,
            regressor_sum,
            regressor_variation,
            fit_point_count - 2 as freedom,
            {{ critical_residual_share("freedom", "significance_level") }} as critical_share,
            arrayMap(
                replicate -> arraySort(
                    ordinal -> sipHash64(
                        newest_steps[ordinal], replicate, start_percent, {{ var("bootstrap_seed") }}
                    ),
                    range(1, fit_point_count + 1)
                ),
                range({{ var("trend_permutations") }})
            ) as permutations,
            arrayMap(
                ordinals -> arrayMap(ordinal -> regressors_from_last[ordinal], ordinals), permutations
            ) as permuted_regressors,
            arrayMap(ordinals -> indexOf(ordinals, 1), permutations) as permuted_ends,
            arrayMap(ordinals -> indexOf(ordinals, fit_point_count), permutations) as permuted_starts
        from trend_design
        array join
            start_percents as start_percent,
            fit_point_counts as fit_point_count,
            regressor_sums as regressor_sum,
            regressor_variations as regressor_variation
        where fit_point_count >= 3
    ),

    {{ sampled_token_series("trend_permutation_tokens") }},

    fit_window as (
        select
            *,
            arraySlice(
                arrayMap(score -> - toFloat64(score), arrayReverse(log_prob_nats)), 1, fit_point_count
            ) as losses,
            arrayAvg(losses) as mean_loss,
            arrayMax(losses) as largest_loss,
            if(
                response = 'perplexity_ratio',
                arrayMap(loss -> exp(loss - largest_loss), losses),
                arrayMap(loss -> mean_loss - loss, losses)
            ) as responses,
            arraySum(responses) as sum_y,
            arraySum(y -> y * y, responses) - sum_y * sum_y / fit_point_count as variation,
            freedom
            * pow(rounding_nats, 2)
            / 12
            * if(response = 'perplexity_ratio', arrayAvg(y -> y * y, responses), 1.) as least_residual,
            -- The same tolerance as in the fits, relative to the last checkpoint.
            fit_point_count * pow(
                constant_tolerance
                * greatest(1., abs(losses[1]))
                * if(response = 'perplexity_ratio', responses[1], 1.),
                2
            ) as constant_variation
        from token_series
        inner join permuted_start using (model_id, corpus_id, step_set_id)
    ),

    -- One array per token and start, with one element per permutation.
    permuted as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            fit_point_count,
            arrayMap(
                regressors
                -> arrayDotProduct(regressors, responses)
                - regressor_sum * sum_y / fit_point_count,
                permuted_regressors
            ) as covariations,
            arrayMap(
                covariation -> covariation * covariation / regressor_variation, covariations
            ) as explained_variations,
            arrayMap(
                explained -> if(
                    variation <= constant_variation,
                    1.,
                    1 - explained / (explained + greatest(variation - explained, least_residual))
                ),
                explained_variations
            ) as residual_shares,
            arrayMap(
                (is_significant, covariation, start_to_average, end_to_average)
                -> toUInt8({{ trend_category("covariation * rising_perplexity_slope_sign", as_index=true) }}),
                arrayMap(share -> share < critical_share, residual_shares),
                covariations,
                arrayMap(ordinal -> exp(least(600., losses[ordinal] - mean_loss)), permuted_starts),
                arrayMap(ordinal -> exp(least(600., losses[ordinal] - mean_loss)), permuted_ends)
            ) as codes
        from fit_window
    ),

    counted as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            count() as sampled_count,
            [
                {% for _ in determined_categories() %}
                    sumForEach(arrayMap(code -> code = {{ loop.index }}, codes)) {{ "," if not loop.last }}
                {% endfor %}
            ] as counts_by_category
        from permuted
        group by convention_id, model_id, corpus_id, start_percent
    ),

    null_share as (
        select
            convention_id,
            model_id,
            corpus_id,
            start_percent,
            toLowCardinality(category) as category,
            arrayMap(count -> count / sampled_count, counts) as shares,
            arrayAvg(shares) as null_share,
            arrayReduce('quantileExactInclusive(0.025)', shares) as null_share_lower,
            arrayReduce('quantileExactInclusive(0.975)', shares) as null_share_upper
        from counted
        array join {{ determined_categories() }} as category, counts_by_category as counts
    )

-- The columns are nullable, because other conventions have no permutations.
select
    convention_id,
    model_id,
    corpus_id,
    start_percent,
    category,
    toNullable(null_share.null_share) as null_share,
    toNullable(null_share.null_share_lower) as null_share_lower,
    toNullable(null_share.null_share_upper) as null_share_upper,
    trend_fingerprint
from null_share
inner join stale_pair using (model_id, corpus_id)

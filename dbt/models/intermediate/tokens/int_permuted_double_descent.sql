{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["document_id", "position"],
        pre_hook="{{ drop_vanished_pairs(ref('int_text_series_fingerprint')) }}",
    )
}}

with
    {{ stale_token_series("int_text_series_fingerprint") }},

    -- Every k-th token by its hash is drawn, with the least k that leaves about as many tokens as are needed.
    drawn_share as (
        select
            model_id,
            corpus_id,
            toUInt64(
                greatest(1, ceil(sum(token_count) / {{ var("permuted_token_count") }}))
            ) as tokens_per_drawn_token
        from {{ ref("int_scored_step_set") }}
        group by model_id, corpus_id
    ),

    drawn_series as (
        select
            token_series.*,
            arrayMap(score -> - toFloat64(score), log_prob_nats) as observed_losses,
            length(observed_losses) as point_count
        from token_series
        inner join drawn_share using (model_id, corpus_id)
        where
            not is_prompt and cityHash64('permuted token', document_id, position) % tokens_per_drawn_token = 0
    ),

    {{ antitonic_fit("drawn_series", "observed_losses") }},

    -- The residuals of a fit with B constant blocks are smaller than the noise, because the fit follows the
    -- noise. The factor sqrt(n / (n - B)) corrects this, as for a fit with B free parameters.
    permuted as (
        select
            *,
            arrayMap((loss, fitted) -> loss - fitted, observed_losses, fitted_losses) as residuals,
            sqrt(point_count / greatest(1, toFloat64(point_count - block_count))) as inflation,
            arraySort(
                ordinal -> cityHash64(document_id, position, ordinal, {{ var("bootstrap_seed") }}),
                range(1, point_count + 1)
            ) as permutation,
            arrayMap(
                (fitted, ordinal) -> fitted + inflation * residuals[ordinal], fitted_losses, permutation
            ) as losses,
            {{ double_descent_turning_points("losses") }}
        from antitonic_fit
    ),

    described as (
        select
            model_id,
            corpus_id,
            document_id,
            position,
            toFloat32(rises[peak]) as rise_nats,
            toBool(rises[peak] > 0 and losses[late] < losses[early]) as falls_below_minimum,
            series_fingerprint
        from permuted
    )

select *
from described

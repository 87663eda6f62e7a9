{{ config(engine="MergeTree()", order_by=["model_id", "corpus_id"]) }}

with
    trend_design as (select * from {{ ref("int_trend_design") }}),

    -- what the fits depend on: the scores, the grid of steps and tokens, and every convention
    fingerprinted as (
        select
            model_id,
            corpus_id,
            cityHash64(
                any(series_fingerprint),
                arraySort(
                    groupArray(
                        cityHash64(
                            convention_id,
                            grid_id,
                            response,
                            rising_perplexity_slope_sign,
                            multiple_testing,
                            significance_level,
                            stagnation_lower,
                            stagnation_upper,
                            constant_tolerance,
                            start_percents,
                            fit_point_counts,
                            regressors_from_last
                        )
                    )
                )
            ) as trend_fingerprint
        from trend_design
        group by model_id, corpus_id
    )

select *
from fingerprinted

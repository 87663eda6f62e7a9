{{
    config(
        order_by=["suite_id", "corpus_id", "measure", "subject", "variant", "axis"],
        query_settings={"join_use_nulls": 1},
    )
}}

with
    trajectory as (select * from {{ ref("fct_trajectory_measure") }}),

    point as ({{ trajectory_points("trajectory") }}),

    panel as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            axis,
            panel_id,
            cityHash64(suite_id, corpus_id, measure, subject, variant) as behaviour_id,
            groupBitXor(cityHash64(model_id, step)) as checkpoints_hash
        from point
        group by suite_id, corpus_id, measure, subject, variant, axis, panel_id
    ),

    {{ correlations_over_drawn_models("point") }},

    -- Two axes are compared only if both are known at the same checkpoints.
    drawn as (
        select
            panel.*,
            model_count,
            spearman_draws,
            pearson_draws,
            anyIf(spearman_draws, axis = 'validation perplexity') over (
                partition by behaviour_id, checkpoints_hash
            ) as perplexity_draws
        from panel
        inner join resampled using (panel_id)
    ),

    compared as (
        select
            *,
            axis != 'validation perplexity' and notEmpty(perplexity_draws) as is_other_axis,
            arrayMap(
                (perplexity_draw, axis_draw) -> abs(perplexity_draw) - abs(axis_draw),
                if(is_other_axis, perplexity_draws, spearman_draws),
                spearman_draws
            ) as advantage_draws
        from drawn
    ),

    bounded as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            axis,
            {% for kind in ("spearman", "pearson") %}
                {% for bound in ("lower", "upper") %}
                    {{ model_jackknife_bound(kind ~ "_draws", "model_count", bound) }}
                    as {{ kind }}_{{ bound }},
                    {{ resampled_bound(kind ~ "_draws", "model_count", bound) }}
                    as {{ kind }}_resampled_{{ bound }},
                {% endfor %}
            {% endfor %}
            if(
                is_other_axis and isFinite(advantage_draws[1]), advantage_draws[1], null
            ) as perplexity_advantage
            {% for bound in ("lower", "upper") %}
                ,
                if(
                    is_other_axis,
                    {{ model_jackknife_bound("advantage_draws", "model_count", bound, is_correlation=false) }},
                    null
                ) as perplexity_advantage_{{ bound }},
                if(
                    is_other_axis, {{ resampled_bound("advantage_draws", "model_count", bound) }}, null
                ) as perplexity_advantage_resampled_{{ bound }}
            {% endfor %}
        from compared
    )

select *
from bounded

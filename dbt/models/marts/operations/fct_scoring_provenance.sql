{{ config(materialized="view") }}

with
    score_ledger as (select * from {{ ref("stg_scoring__score_ledger") }} where is_current),

    model as (select model_id, suite_id from {{ ref("dim_model") }}),

    scoring_run as (select * from {{ ref("stg_scoring__scoring_run") }}),

    scored as (
        select
            toString(model.suite_id) as suite_id,
            toString(score_ledger.corpus_id) as corpus_id,
            scoring_run_id,
            scoring_settings,
            toInt64(count()) as checkpoint_count,
            max(score_ledger.scored_at) as last_scored_at
        from score_ledger
        inner join model on score_ledger.model_id = model.model_id
        group by suite_id, corpus_id, scoring_run_id, scoring_settings
    ),

    described as (
        select
            scored.suite_id as suite_id,
            scored.corpus_id as corpus_id,
            scored.scoring_run_id as scoring_run_id,
            scored.scoring_settings as scoring_settings,
            scored.checkpoint_count as checkpoint_count,
            scored.last_scored_at as last_scored_at,
            scoring_run.started_at as started_at,
            scoring_run.trailhouse_version as trailhouse_version,
            scoring_run.device as device,
            scoring_run.dtype as dtype,
            scoring_run.attention_implementation as attention_implementation,
            scoring_run.library_versions as library_versions,
            scoring_run.verified_count as verified_count,
            scoring_run.largest_difference_nats as largest_difference_nats
        from scored
        inner join scoring_run on scored.scoring_run_id = scoring_run.scoring_run_id
    )

select *
from described

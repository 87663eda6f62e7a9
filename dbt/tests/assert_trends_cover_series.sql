-- A combination of convention, model, corpus and start of the trend fit is returned if its number of trends
-- differs from the number of tokens that have scores at or after this start.
with
    expected as (
        select
            convention_id,
            trend_design.model_id as model_id,
            trend_design.corpus_id as corpus_id,
            start_percent,
            sum(token_count) as expected_count
        from {{ ref("int_trend_design") }} as trend_design
        array join start_percents as start_percent, fit_point_counts as fit_point_count
        inner join
            {{ ref("int_scored_step_set") }} as scored_step_set using (model_id, corpus_id, step_set_id)
        where fit_point_count > 0
        group by convention_id, model_id, corpus_id, start_percent
        having expected_count > 0
    ),

    counted as (
        select convention_id, model_id, corpus_id, start_percent, sum(token_count) as trend_count
        from {{ ref("int_trend_count_by_start") }}
        group by convention_id, model_id, corpus_id, start_percent
    )

select *
from expected
full outer join counted using (convention_id, model_id, corpus_id, start_percent)
where expected_count != trend_count

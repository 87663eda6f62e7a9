{{
    config(
        order_by=["model_id", "corpus_id", "start_percent", "category", "convention_id"],
    )
}}

with
    trend_share as (select * from {{ ref("fct_trend_share_by_start") }}),

    trend_convention as (select * from {{ ref("trend_convention") }}),

    default_convention as (select * from trend_convention where is_default),

    -- The choices by which a convention differs from the default one.
    varied as (
        select
            trend_convention.convention_id as convention_id,
            arrayFilter(
                choice -> choice != '',
                [
                    if(trend_convention.start_mapping != default_convention.start_mapping, 'start', ''),
                    if(trend_convention.regressor != default_convention.regressor, 'regressor', ''),
                    if(trend_convention.response != default_convention.response, 'response', ''),
                    if(
                        trend_convention.multiple_testing != default_convention.multiple_testing,
                        'multiple testing',
                        ''
                    ),
                    if(
                        trend_convention.autocorrelation != default_convention.autocorrelation,
                        'autocorrelation',
                        ''
                    ),
                    if(
                        trend_convention.stagnation_test != default_convention.stagnation_test,
                        'stagnation test',
                        ''
                    )
                ]
            ) as varied_choices
        from trend_convention
        cross join default_convention
    ),

    default_share as (
        select model_id, corpus_id, start_percent, category, token_share as default_token_share
        from trend_share
        where convention_id in (select convention_id from default_convention)
    ),

    -- The inner join keeps a start of the trend fit if this row's convention and the default convention both
    -- have trends from this start. A convention has no trends from a start that training has not reached.
    compared as (
        select
            suite_id,
            model_id,
            parameter_count,
            corpus_id,
            start_percent,
            category,
            convention_id,
            has_few_points,
            if(empty(varied_choices), 'none', arrayStringConcat(varied_choices, ', ')) as varied_choice,
            token_share,
            default_token_share,
            token_share - default_token_share as token_share_difference,
            if(default_token_share > 0, token_share / default_token_share, null) as token_share_ratio
        from trend_share
        inner join default_share using (model_id, corpus_id, start_percent, category)
        inner join varied using (convention_id)
    )

select *
from compared

{{ config(order_by=["model_id", "corpus_id", "caveat"]) }}

with
    -- There are no trends on corpora of corrupted and generated texts.
    series as (
        select model_id, corpus_id, checkpoint_count
        from {{ ref("int_series_fingerprint") }}
        where not is_sequence_corpus
    ),

    scored_step_set as (select * from {{ ref("int_scored_step_set") }}),

    default_convention as (select convention_id from {{ ref("trend_convention") }} where is_default),

    trend_design as (
        select *
        from {{ ref("int_trend_design") }}
        where convention_id in (select convention_id from default_convention)
    ),

    model as (select model_id, suite_id, parameter_count from {{ ref("dim_model") }}),

    suite_tokenizer as (select * from {{ ref("int_suite_tokenizer") }}),

    registered as (
        select
            model_id,
            toInt64(count()) as registered_count,
            toInt64(countIf(not {{ is_left_in() }})) as left_out_count
        from {{ ref("dim_checkpoint") }}
        group by model_id
    ),

    token as (
        select
            model_id,
            corpus_id,
            sum(scored_step_set.token_count) as token_count,
            sumIf(
                scored_step_set.token_count, length(steps) < series.checkpoint_count
            ) as incomplete_token_count
        from scored_step_set
        inner join series using (model_id, corpus_id)
        group by model_id, corpus_id
    ),

    -- fit_point_count is the number of checkpoints in the trend fit. It is 0 if training has not reached the
    -- start of the fit.
    start_fit as (
        select model_id, corpus_id, start_percent, max(fit_points) as fit_point_count
        from trend_design
        array join start_percents as start_percent, fit_point_counts as fit_points
        group by model_id, corpus_id, start_percent
    ),

    late_start as (
        select
            model_id,
            corpus_id,
            minIf(toNullable(start_percent), fit_point_count in (3, 4)) as few_percent,
            minIf(toNullable(start_percent), fit_point_count in (1, 2)) as unfitted_percent,
            minIf(toNullable(start_percent), fit_point_count = 0) as unreached_percent
        from start_fit
        group by model_id, corpus_id
    ),

    caveated as (
        select
            toLowCardinality(model.suite_id) as suite_id,
            series.model_id as model_id,
            model.parameter_count as parameter_count,
            series.corpus_id as corpus_id,
            [
                if(series.checkpoint_count <= 2, 0, ifNull(unfitted_percent, 0)),
                ifNull(few_percent, 0),
                ifNull(unreached_percent, 0),
                0,
                0,
                0,
                0
            ] as first_starts,
            arrayJoin(
                arrayZip(
                    first_starts,
                    [
                        multiIf(
                            series.checkpoint_count = 1,
                            'only one checkpoint is scored: all trends are undetermined',
                            series.checkpoint_count = 2,
                            'only two checkpoints are scored: all trends are undetermined',
                            unfitted_percent is not null,
                            concat(
                                'from ',
                                toString(coalesce(unfitted_percent, 0)),
                                '% of training on fewer than three checkpoints are left: the trends are undetermined'
                            ),
                            ''
                        ),
                        if(
                            few_percent is not null,
                            format(
                                'from {}% of training on a trend has fewer than five checkpoints: few are significant',
                                toString(coalesce(few_percent, 0))
                            ),
                            ''
                        ),
                        if(
                            unreached_percent is not null,
                            format(
                                'no checkpoint is scored at {}% of training or later: there are no trends from there on',
                                toString(coalesce(unreached_percent, 0))
                            ),
                            ''
                        ),
                        if(
                            registered.left_out_count > 0,
                            format(
                                '{} of {} registered checkpoints are damaged: they are left out',
                                toString(registered.left_out_count),
                                toString(registered.registered_count)
                            ),
                            ''
                        ),
                        if(
                            registered.registered_count - registered.left_out_count > series.checkpoint_count,
                            format(
                                '{} of {} registered checkpoints are not scored: the fits leave them out',
                                toString(
                                    registered.registered_count
                                    - registered.left_out_count
                                    - series.checkpoint_count
                                ),
                                toString(registered.registered_count)
                            ),
                            ''
                        ),
                        if(
                            token.incomplete_token_count > 0,
                            format(
                                '{} of {} tokens lack scores at some checkpoints: each is fitted on those it has',
                                toString(token.incomplete_token_count),
                                toString(token.token_count)
                            ),
                            ''
                        ),
                        if(
                            suite_tokenizer.tokenizer_count > 1,
                            format(
                                'the models of the suite have {} different tokenizers: nothing is compared at equal perplexity per token',
                                toString(suite_tokenizer.tokenizer_count)
                            ),
                            ''
                        )
                    ]
                )
            ) as caveat_from_start,
            toUInt8(caveat_from_start .1) as from_start_percent,
            caveat_from_start .2 as caveat
        from series
        left join model on series.model_id = model.model_id
        left join registered on series.model_id = registered.model_id
        left join
            suite_tokenizer
            on model.suite_id = suite_tokenizer.suite_id
            and series.corpus_id = suite_tokenizer.corpus_id
        left join token on series.model_id = token.model_id and series.corpus_id = token.corpus_id
        left join
            late_start on series.model_id = late_start.model_id and series.corpus_id = late_start.corpus_id
    )

select suite_id, model_id, parameter_count, corpus_id, from_start_percent, caveat
from caveated
where caveat != ''

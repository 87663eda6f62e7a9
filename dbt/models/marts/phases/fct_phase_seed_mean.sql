{{
    config(
        order_by=[
            "suite_id",
            "corpus_id",
            "unit",
            "measure",
            "subject_id",
            "architecture",
            "parameter_count",
            "step",
        ]
    )
}}

with
    correlation as (select * from {{ ref("fct_phase_correlation_by_checkpoint") }}),

    regression as (select * from {{ ref("fct_phase_regression_by_checkpoint") }}),

    measured as (
        select
            suite_id,
            model_id,
            architecture,
            parameter_count,
            seed,
            step,
            corpus_id,
            unit,
            measure_pair .1 as measure,
            predictor_id as subject_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            assumeNotNull(measure_pair .2) as value,
            is_published
        from correlation
        array join [('pearson', pearson), ('spearman', spearman)] as measure_pair
        where measure_pair .2 is not null
        union all
        select
            suite_id,
            model_id,
            architecture,
            parameter_count,
            seed,
            step,
            corpus_id,
            'word' as unit,
            measure_pair .1 as measure,
            regression_id as subject_id,
            'regression' as predictor_kind,
            toUInt8(0) as ngram_order,
            ngram_corpus_id as predictor_source,
            provider,
            smoothing,
            assumeNotNull(measure_pair .2) as value,
            is_published
        from regression
        array join
            [
                ('r_squared_train', r_squared_train), ('r_squared_validation', r_squared_validation)
            ] as measure_pair
        where measure_pair .2 is not null
    ),

    averaged as (
        select
            suite_id,
            architecture,
            parameter_count,
            step,
            corpus_id,
            unit,
            measure,
            subject_id,
            any(measured.predictor_kind) as predictor_kind,
            any(measured.ngram_order) as ngram_order,
            any(measured.predictor_source) as predictor_source,
            any(measured.provider) as provider,
            any(measured.smoothing) as smoothing,
            toInt64(count()) as model_count,
            toInt64(uniqExact(seed)) as seed_count,
            arraySort(groupArray(value)) as
        values, any(measured.is_published) as is_published
        from measured
        group by suite_id, architecture, parameter_count, step, corpus_id, unit, measure, subject_id
    ),

    quantile as (
        select seed_count, {{ exact_student_t_quantile("(seed_count - 1)") }} as t_quantile
        from (select distinct seed_count from averaged where seed_count > 1)
    ),

    -- Only runs that differ in their seed are a sample of seeds. The values are sorted, because
    -- a sum of floats depends on the order.
    described as (
        select
            suite_id,
            architecture,
            parameter_count,
            step,
            corpus_id,
            unit,
            measure,
            subject_id,
            predictor_kind,
            ngram_order,
            predictor_source,
            provider,
            smoothing,
            averaged.seed_count as seed_count,
            model_count,
            arrayAvg(values) as mean_value,
            multiIf(
                model_count = 1,
                'a single run',
                averaged.seed_count < model_count,
                'runs without a seed of their own',
                ''
            ) as reason_for_null,
            if(
                reason_for_null = '', toNullable(arrayReduce('stddevSampStable', values)), null
            ) as standard_deviation,
            mean_value - quantile.t_quantile * standard_deviation / sqrt(model_count) as mean_low,
            mean_value + quantile.t_quantile * standard_deviation / sqrt(model_count) as mean_high,
            is_published
        from averaged
        left join quantile on averaged.seed_count = quantile.seed_count
    )

select *
from described

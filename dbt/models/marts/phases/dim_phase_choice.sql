{{
    config(
        order_by=[
            "suite_id",
            "corpus_id",
            "unit",
            "predictor_source",
            "smoothing",
            "provider",
            "regression_id",
        ]
    )
}}

with
    suite as (select distinct suite_id from {{ ref("dim_model") }}),

    measured as (
        select
            suite_id,
            corpus_id,
            unit,
            predictor_source,
            smoothing,
            provider,
            is_published,
            ifNull(max(correlation.unit_count), 0) as unit_count
        from {{ ref("fct_phase_correlation_by_checkpoint") }} as correlation
        where predictor_kind = 'ngram'
        group by suite_id, corpus_id, unit, predictor_source, smoothing, provider, is_published
    ),

    fitted as (
        select distinct
            suite_id, corpus_id, 'word' as unit, ngram_corpus_id, smoothing, provider, regression_id
        from {{ ref("fct_phase_regression_by_checkpoint") }}
    ),

    offered as (
        select
            measured.suite_id as suite_id,
            measured.corpus_id as corpus_id,
            measured.unit as unit,
            measured.predictor_source as predictor_source,
            measured.smoothing as smoothing,
            measured.provider as provider,
            if(fitted.regression_id = '', 'no regression', fitted.regression_id) as regression_id,
            measured.unit_count as unit_count,
            true as has_phases,
            measured.is_published as is_published
        from measured
        left join
            fitted
            on measured.suite_id = fitted.suite_id
            and measured.corpus_id = fitted.corpus_id
            and measured.unit = fitted.unit
            and measured.predictor_source = fitted.ngram_corpus_id
            and measured.smoothing = fitted.smoothing
            and measured.provider = fitted.provider
    ),

    chosen as (
        select *
        from offered
        union all
        select
            toString(suite_id) as suite_id,
            'no phases' as corpus_id,
            'word' as unit,
            'no n-grams' as predictor_source,
            'none' as smoothing,
            'none' as provider,
            'no regression' as regression_id,
            toInt64(0) as unit_count,
            false as has_phases,
            false as is_published
        from suite
        where suite_id not in (select suite_id from measured)
    )

-- Superset chooses the first value of every filter before it knows those of the others.
-- The values of one row are the first ones of all filters, if each orders them by this preference.
select
    *,
    toInt64(
        row_number() over (
            order by
                has_phases,
                not is_published,
                unit = 'word',
                position(regression_id, 'similarity-unweighted') > 0,
                position(regression_id, 'similarity-') > 0,
                unit_count,
                predictor_source = 'pile',
                smoothing = 'stupid_backoff',
                provider = 'clickhouse',
                suite_id desc,
                corpus_id desc,
                predictor_source desc,
                smoothing desc,
                provider desc,
                regression_id desc
        )
    ) as preference
from chosen

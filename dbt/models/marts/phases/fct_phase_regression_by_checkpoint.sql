{{ config(order_by=["suite_id", "corpus_id", "regression_id", "model_id", "step"]) }}

with
    regression as (
        select
            regression.* except (regression_id, phase_fingerprint),
            regressor.regression_id as regression_id,
            regressor.ngram_corpus_id as ngram_corpus_id,
            regressor.provider as provider,
            regressor.smoothing as smoothing,
            regressor.vectors_id as vectors_id,
            regressor.weighting as weighting
        from {{ ref("int_phase_regression") }} as regression
        inner join
            (
                select corpus_id, regression_id, ngram_corpus_id, provider, smoothing, vectors_id, weighting
                from {{ ref("int_phase_regressor") }}
            ) as regressor
            on regression.corpus_id = regressor.corpus_id
            and regression.regression_id = regressor.regression_id
    ),

    own_or_published as (
        select
            model_id,
            corpus_id,
            step,
            regression_id,
            ngram_corpus_id,
            provider,
            smoothing,
            vectors_id,
            weighting,
            toNullable(training_count) as training_count,
            toNullable(validation_count) as validation_count,
            intercept,
            intercept_standard_error,
            unigram_coefficient,
            unigram_standard_error,
            fivegram_coefficient,
            fivegram_standard_error,
            similarity_coefficient,
            similarity_standard_error,
            r_squared_train,
            r_squared_validation,
            unigram_share,
            fivegram_share,
            similarity_share,
            toString(reason_for_null) as reason_for_null,
            false as is_published
        from regression
        union all
        select
            model_id,
            corpus_id,
            step,
            regression_id,
            ngram_corpus_id,
            provider,
            smoothing,
            vectors_id,
            weighting,
            null as training_count,
            null as validation_count,
            null as intercept,
            null as intercept_standard_error,
            null as unigram_coefficient,
            null as unigram_standard_error,
            null as fivegram_coefficient,
            null as fivegram_standard_error,
            null as similarity_coefficient,
            null as similarity_standard_error,
            toNullable(r_squared_train) as r_squared_train,
            toNullable(r_squared_validation) as r_squared_validation,
            null as unigram_share,
            null as fivegram_share,
            null as similarity_share,
            'published without coefficients' as reason_for_null,
            true as is_published
        from {{ ref("int_published_phase_regression") }}
    ),

    model as (select * from {{ ref("int_phase_model") }}),

    described as (
        select
            {{ checkpoint_id("own_or_published.model_id", "step") }} as checkpoint_id,
            model.suite_id as suite_id,
            own_or_published.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            step,
            step * model.batch_tokens as tokens_seen,
            own_or_published.* except (model_id, step, is_published),
            own_or_published.is_published as is_published
        from own_or_published
        inner join model on own_or_published.model_id = model.model_id
    )

select *
from described

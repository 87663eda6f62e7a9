{{
    config(
        materialized="incremental",
        partition_by=["model_id", "corpus_id"],
        order_by=["regression_id", "step"],
        query_settings={
            "join_use_nulls": 0,
            "max_block_size": 16,
            "max_joined_block_size_rows": 16,
            "short_circuit_function_evaluation": "disable",
        },
        pre_hook="{{ drop_vanished_pairs(ref('int_phase_fingerprint')) }}",
    )
}}

with
    {{ stale_phase_pairs() }},

    regressor as (select * from {{ ref("int_phase_regressor") }}),

    -- Only words for which all three predictors and the log-probability are known count.
    complete as (
        select
            model_id,
            checkpoint.corpus_id as corpus_id,
            step,
            regression_id,
            missing_predictor,
            missing_predictor = '' as is_possible,
            arrayMap(
                (value, mask) -> toUInt8(mask and isNotNull(value)),
                if(is_possible, log_prob_nats, []),
                complete_mask
            ) as kept,
            {{ kept_values("if(is_possible, log_prob_nats, [])", "kept") }} as log_probs,
            {{ kept_values("if(is_possible, unigram_values, [])", "kept") }} as unigrams,
            {{ kept_values("if(is_possible, fivegram_values, [])", "kept") }} as fivegrams,
            {{ kept_values("if(is_possible, similarity_values, [])", "kept") }} as similarities,
            arrayFilter((split, is_kept) -> is_kept, if(is_possible, splits, []), kept) as kept_splits,
            arrayMap(split -> toUInt8(split in ('train', 'all')), kept_splits) as is_training,
            arrayMap(split -> toUInt8(split = 'validation'), kept_splits) as is_validation,
            phase_fingerprint
        from checkpoint
        inner join regressor on checkpoint.corpus_id = regressor.corpus_id
        where checkpoint.unit = 'word'
    ),

    -- Every column is z-scored over all words of the corpus, also those that the regression is not fitted on.
    scaled as (
        select
            model_id,
            corpus_id,
            step,
            regression_id,
            is_training,
            is_validation,
            toInt64(arraySum(is_training)) as training_count,
            toInt64(arraySum(is_validation)) as validation_count,
            multiIf(
                missing_predictor != '',
                missing_predictor,
                training_count < 5,
                'fewer than five words',
                {{ is_constant_array("arrayFilter((v, t) -> t, log_probs, is_training)") }},
                'constant log-probability',
                {{ is_constant_array("arrayFilter((v, t) -> t, unigrams, is_training)") }},
                'constant 1-gram scores',
                {{ is_constant_array("arrayFilter((v, t) -> t, fivegrams, is_training)") }},
                'constant 5-gram scores',
                {{ is_constant_array("arrayFilter((v, t) -> t, similarities, is_training)") }},
                'constant similarity',
                ''
            ) as reason,
            {{ z_scores("log_probs") }} as z_y,
            {{ z_scores("unigrams") }} as z_1,
            {{ z_scores("fivegrams") }} as z_2,
            {{ z_scores("similarities") }} as z_3,
            phase_fingerprint
        from complete
    ),

    moment as (
        select
            model_id,
            corpus_id,
            step,
            regression_id,
            training_count,
            validation_count,
            reason,
            reason = '' as is_defined,
            {{ split_moments("is_training", "training") }},
            {{ split_moments("is_validation", "validation") }},
            phase_fingerprint
        from scaled
    ),

    correlated as (
        select
            *,
            -- The entries of a covariance matrix: 1 is the log-probability, 2 to 4 are the predictors.
            training_covariances[1][1] as s_yy,
            training_covariances[2][2] as s_11,
            training_covariances[3][3] as s_22,
            training_covariances[4][4] as s_33,
            training_covariances[1][2] / sqrt(s_yy * s_11) as r_y1,
            training_covariances[1][3] / sqrt(s_yy * s_22) as r_y2,
            training_covariances[1][4] / sqrt(s_yy * s_33) as r_y3,
            training_covariances[2][3] / sqrt(s_11 * s_22) as r_12,
            training_covariances[2][4] / sqrt(s_11 * s_33) as r_13,
            training_covariances[3][4] / sqrt(s_22 * s_33) as r_23
        from moment
    ),

    solved as (
        select
            *,
            {{ three_predictor_regression() }},
            standardised_1 * sqrt(s_yy / s_11) as slope_1,
            standardised_2 * sqrt(s_yy / s_22) as slope_2,
            standardised_3 * sqrt(s_yy / s_33) as slope_3,
            training_means[1]
            - slope_1 * training_means[2]
            - slope_2 * training_means[3]
            - slope_3 * training_means[4] as intercept,
            s_yy * (1 - r_squared) * training_count / (training_count - 4) as residual_variance,
            training_means[2] / sqrt(s_11) as m_1,
            training_means[3] / sqrt(s_22) as m_2,
            training_means[4] / sqrt(s_33) as m_3,
            -- The variance of the intercept grows with the distance of the predictors' means from 0.
            inverse_11 * m_1 * m_1
            + inverse_22 * m_2 * m_2
            + inverse_33 * m_3 * m_3
            + 2 * (inverse_12 * m_1 * m_2 + inverse_13 * m_1 * m_3 + inverse_23 * m_2 * m_3) as mean_distance,
            -- The sum of squared residuals on validation words, from their moments.
            validation_covariances[1][1]
            + slope_1 * slope_1 * validation_covariances[2][2]
            + slope_2 * slope_2 * validation_covariances[3][3]
            + slope_3 * slope_3 * validation_covariances[4][4]
            + 2
            * (
                slope_1 * slope_2 * validation_covariances[2][3]
                + slope_1 * slope_3 * validation_covariances[2][4]
                + slope_2 * slope_3 * validation_covariances[3][4]
                - slope_1 * validation_covariances[1][2]
                - slope_2 * validation_covariances[1][3]
                - slope_3 * validation_covariances[1][4]
            )
            + pow(
                validation_means[1]
                - intercept
                - slope_1 * validation_means[2]
                - slope_2 * validation_means[3]
                - slope_3 * validation_means[4],
                2
            ) as validation_residual,
            multiIf(
                not is_defined, reason, not (least_tolerance > 1e-9), 'collinear predictors', ''
            ) as reason_for_null,
            reason_for_null = '' as has_fit
        from correlated
    ),

    described as (
        select
            model_id,
            corpus_id,
            step,
            regression_id,
            training_count,
            validation_count,
            if(has_fit, toNullable(intercept), null) as intercept,
            if(
                has_fit, toNullable(sqrt(residual_variance / training_count * (1 + mean_distance))), null
            ) as intercept_standard_error,
            if(has_fit, toNullable(slope_1), null) as unigram_coefficient,
            if(
                has_fit, toNullable(sqrt(residual_variance / training_count * inverse_11 / s_11)), null
            ) as unigram_standard_error,
            if(has_fit, toNullable(slope_2), null) as fivegram_coefficient,
            if(
                has_fit, toNullable(sqrt(residual_variance / training_count * inverse_22 / s_22)), null
            ) as fivegram_standard_error,
            if(has_fit, toNullable(slope_3), null) as similarity_coefficient,
            if(
                has_fit, toNullable(sqrt(residual_variance / training_count * inverse_33 / s_33)), null
            ) as similarity_standard_error,
            if(has_fit, toNullable(r_squared), null) as r_squared_train,
            if(
                has_fit and validation_count >= 2 and validation_covariances[1][1] > 1e-18,
                toNullable(1 - validation_residual / validation_covariances[1][1]),
                null
            ) as r_squared_validation,
            if(has_fit, toNullable({{ shapley_share("1", "2", "3") }}), null) as unigram_share,
            if(has_fit, toNullable({{ shapley_share("2", "1", "3") }}), null) as fivegram_share,
            if(has_fit, toNullable({{ shapley_share("3", "1", "2") }}), null) as similarity_share,
            reason_for_null,
            phase_fingerprint
        from solved
    )

select *
from described

{{
    config(
        order_by=["corpus_id", "regression_id"],
        query_settings={"join_use_nulls": 0, "max_block_size": 64},
    )
}}

with
    predictor as (select * from {{ ref("int_phase_predictor") }} where unit = 'word'),

    unit_set as (
        select corpus_id, unit, tokenizer_id, splits from {{ ref("int_phase_unit_set") }} where unit = 'word'
    ),

    ngram as (
        select
            corpus_id,
            predictor_source as ngram_corpus_id,
            provider,
            smoothing,
            anyIf(predictor_values, ngram_order = 1) as unigram_values,
            anyIf(predictor_values, ngram_order = 5) as fivegram_values
        from predictor
        where predictor_kind = 'ngram'
        group by corpus_id, ngram_corpus_id, provider, smoothing
    ),

    similarity as (
        select corpus_id, predictor_source as vectors_id, weighting, predictor_values as similarity_values
        from predictor
        where predictor_kind = 'similarity'
    ),

    combined as (
        select
            ngram.corpus_id as corpus_id,
            {{ phase_regression_id() }} as regression_id,
            ngram_corpus_id,
            provider,
            smoothing,
            vectors_id,
            weighting,
            unigram_values,
            fivegram_values,
            similarity_values,
            unit_set.splits as splits,
            multiIf(
                empty(unigram_values),
                'no 1-gram scores',
                empty(fivegram_values),
                'no 5-gram scores',
                empty(similarity_values),
                'no similarity',
                ''
            ) as missing_predictor,
            if(
                missing_predictor = '',
                arrayMap(
                    (a, b, c) -> toUInt8(isNotNull(a) and isNotNull(b) and isNotNull(c)),
                    unigram_values,
                    fivegram_values,
                    similarity_values
                ),
                []
            ) as complete_mask
        from ngram
        left join similarity on ngram.corpus_id = similarity.corpus_id
        inner join unit_set on ngram.corpus_id = unit_set.corpus_id
    )

select *
from combined

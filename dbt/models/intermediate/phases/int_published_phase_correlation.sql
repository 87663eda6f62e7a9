{{ config(materialized="view") }}

with
    published as (select * from {{ ref("published_phase_correlation") }}),

    -- The n-grams are scored by stupid backoff. The published names of the weighting of
    -- similarities are those of the file.
    described as (
        select
            concat(
                'phases-published/pythia-', model_size, if(seed = 1234, '', concat('-seed', toString(seed)))
            ) as model_id,
            'nawoco' as corpus_id,
            'word' as unit,
            step,
            if(predictor = 'ngram', 'ngram', 'similarity') as predictor_kind,
            ngram_order,
            toString(predictor_corpus) as predictor_source,
            if(predictor_kind = 'ngram', 'published', '') as provider,
            if(predictor_kind = 'ngram', 'stupid_backoff', '') as smoothing,
            transform(
                toString(predictor),
                ['similarity_unweighted', 'similarity_weighted'],
                ['unweighted', 'position'],
                ''
            ) as weighting,
            {{ phase_predictor_id() }} as predictor_id,
            pearson_correlation as pearson,
            spearman_correlation as spearman
        from published
    )

select *
from described

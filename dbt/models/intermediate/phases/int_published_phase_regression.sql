{{ config(materialized="view") }}

with
    published as (select * from {{ ref("published_phase_regression") }}),

    -- The training corpus of the published models is The Pile, the other corpus is OpenWebText.
    described as (
        select
            concat('phases-published/pythia-', model_size) as model_id,
            'nawoco' as corpus_id,
            step,
            transform(
                toString(ngram_corpus), ['matched', 'unmatched'], ['pile', 'openwebtext'], ''
            ) as ngram_corpus_id,
            'published' as provider,
            'stupid_backoff' as smoothing,
            toString(similarity_corpus) as vectors_id,
            transform(
                toString(similarity),
                ['similarity_unweighted', 'similarity_weighted'],
                ['unweighted', 'position'],
                ''
            ) as weighting,
            {{ phase_regression_id() }} as regression_id,
            r_squared_train,
            r_squared_validation
        from published
    )

select *
from described

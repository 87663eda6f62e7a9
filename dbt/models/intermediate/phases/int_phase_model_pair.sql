{{ config(order_by=["model_id", "other_model_id", "corpus_id"]) }}

with
    aligned as (
        select
            model_id,
            corpus_id,
            cityHash64(any(checkpoint.unit_fingerprint), arraySort(groupArray(step))) as aligned_fingerprint
        from {{ ref("int_phase_aligned_checkpoint") }} as checkpoint
        group by model_id, corpus_id
    ),

    -- Two models form only one pair, because a correlation does not depend on their order. A
    -- model forms a pair with itself.
    paired as (
        select
            aligned.model_id as model_id,
            other.model_id as other_model_id,
            aligned.corpus_id as corpus_id,
            cityHash64(aligned.aligned_fingerprint, other.aligned_fingerprint) as pair_fingerprint
        from aligned
        inner join aligned as other on aligned.corpus_id = other.corpus_id
        where model_id <= other_model_id
    )

select *
from paired

-- A returned row is a checkpoint whose log-probabilities do not add up to the sum in the ledger. Corpora with
-- prompts are not tested, because only the sum in the ledger includes prompt tokens. For the same reason,
-- models with scores of first tokens are not tested on corpora whose first tokens are left out. A relative
-- difference of 1e-6 is allowed, because the two sums add floats in different orders.
with
    prompted_corpus as (
        select distinct corpus_id
        from {{ ref("stg_corpora__document") }}
        where scored_from_position > 0 or scored_from_byte > 0
    ),

    corpus_without_first_tokens as (
        select distinct corpus_id from {{ ref("int_series_fingerprint") }} where counted_from_position > 0
    ),

    score_ledger as (
        select model_id, corpus_id, step, log_prob_sum_nats as ledger_sum_nats
        from {{ ref("stg_scoring__score_ledger") }}
        where
            is_current
            and corpus_id not in (select corpus_id from prompted_corpus)
            and (
                empty(text_beginning_token_ids)
                or corpus_id not in (select corpus_id from corpus_without_first_tokens)
            )
    )

select *
from {{ ref("int_log_prob_by_checkpoint") }} as log_prob
inner join score_ledger using (model_id, corpus_id, step)
where abs(log_prob_sum_nats - ledger_sum_nats) > 1e-6 * greatest(1, abs(ledger_sum_nats))

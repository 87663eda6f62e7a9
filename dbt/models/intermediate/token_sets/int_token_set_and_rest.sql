{{ config(materialized="view") }}

with
    token_set as (select * from {{ ref("int_token_set_log_prob") }}),

    corpus as (
        select model_id, corpus_id, step, score_count, log_prob_sum_nats
        from {{ ref("int_log_prob_by_checkpoint") }}
    ),

    divided as (
        select
            token_set.* except (pair_fingerprint),
            corpus.score_count - token_set.token_count as rest_token_count,
            corpus.log_prob_sum_nats - token_set.log_prob_sum_nats as rest_log_prob_sum_nats,
            if(
                rest_token_count > 0, exp(- rest_log_prob_sum_nats / rest_token_count), null
            ) as rest_perplexity
        from token_set
        inner join
            corpus
            on token_set.model_id = corpus.model_id
            and token_set.corpus_id = corpus.corpus_id
            and token_set.step = corpus.step
    )

select *
from divided

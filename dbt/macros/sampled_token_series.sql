{#
    Return CTEs that end with `token_series`, the series of a sample of the tokens of every stale model and corpus. A hash
    of document and position draws the sample, so it is the same at every start and for every model. `count_variable` is
    the variable with its largest size. The sample is drawn before anything is joined, because joined rows are wide.
#}
{% macro sampled_token_series(count_variable) -%}
    corpus_size as (
        select model_id, corpus_id, sum(token_count) as corpus_token_count
        from {{ ref("int_scored_step_set") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
        group by model_id, corpus_id
    ),

    token_series as (
        select model_id, corpus_id, document_id, position, step_set_id, log_prob_nats
        from {{ ref("int_token_series") }} as series
        inner join corpus_size using (model_id, corpus_id)
        where
            (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
            and not is_prompt
            and sipHash64(document_id, position, {{ var("bootstrap_seed") }}) % corpus_token_count
            < {{ var(count_variable) }}
    )
{%- endmacro %}

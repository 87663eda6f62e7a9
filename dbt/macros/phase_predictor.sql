{#
    Return the name of a predictor, such as `ngram-5/clickhouse/stupid_backoff/books` or `similarity-unweighted/wiki`. The
    row must have the columns that describe a predictor.
#}
{% macro phase_predictor_id() -%}
    if(
        predictor_kind = 'ngram',
        concat('ngram-', toString(ngram_order), '/', provider, '/', smoothing, '/', predictor_source),
        concat('similarity-', weighting, '/', predictor_source)
    )
{%- endmacro %}

{#
    Return the stale pairs of a table that depends on unit log-probabilities and predictors, and the log-probabilities of
    these pairs. Every row holds the arrays of one checkpoint, so a query reads few rows at a time.
#}
{% macro stale_phase_pairs() %}
    stale_pair as ({{ select_stale_pairs(ref("int_phase_fingerprint"), "phase_fingerprint") }}),

    checkpoint as (
        select
            log_prob.model_id as model_id,
            log_prob.corpus_id as corpus_id,
            log_prob.unit as unit,
            log_prob.tokenizer_id as tokenizer_id,
            log_prob.step as step,
            log_prob.log_prob_nats as log_prob_nats,
            log_prob.corrected_log_prob_nats as corrected_log_prob_nats,
            stale_pair.phase_fingerprint as phase_fingerprint
        from {{ ref("int_unit_log_prob") }} as log_prob
        inner join
            stale_pair
            on log_prob.model_id = stale_pair.model_id
            and log_prob.corpus_id = stale_pair.corpus_id
    )
{% endmacro %}

{# Return the name of a regression: its n-grams and its similarity. #}
{% macro phase_regression_id() -%}
    concat(
        provider,
        '/',
        smoothing,
        '/',
        ngram_corpus_id,
        if(vectors_id = '', '', concat(' + similarity-', weighting, '/', vectors_id))
    )
{%- endmacro %}

{# Return the z-scores of an array: differences from its mean in units of its standard deviation (with n). #}
{% macro z_scores(values) -%}
    arrayMap(
        (value, mean, deviation) -> (value - mean) / deviation,
        {{ values }},
        arrayWithConstant(length({{ values }}), arrayReduce('avg', {{ values }})),
        arrayWithConstant(length({{ values }}), arrayReduce('stddevPopStable', {{ values }}))
    )
{%- endmacro %}

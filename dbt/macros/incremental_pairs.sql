{#
    The incremental tables of the trajectories hold one partition per (model, corpus) and, in every row, the
    fingerprint of what the partition was computed from. A pair is stale when the fingerprint it should have
    is not the one it has; only stale pairs are read and recomputed, and REPLACE PARTITION swaps each of them
    in one step. Pairs that are scored no longer are dropped before the model runs.
#}
{% macro select_stale_pairs(wanted, fingerprint, keys="model_id, corpus_id") %}
    select {{ keys }}, {{ fingerprint }}
    from {{ wanted }}
    {% if is_incremental() %}
        where
            ({{ keys }}, {{ fingerprint }})
            not in (select distinct {{ keys }}, {{ fingerprint }} from {{ this }})
    {% endif %}
{% endmacro %}

{# Keeps a large table's fingerprints beside its rows, so that asking for them does not read the rows. #}
{% macro pair_projection(fingerprint) %}
    {% set columns = "model_id, corpus_id, " ~ fingerprint %}
    {{ return({"name": "pair_state", "query": "select " ~ columns ~ " group by " ~ columns}) }}
{% endmacro %}

{% macro drop_vanished_pairs(wanted, keys="model_id, corpus_id") %}
    {% if execute and is_incremental() %}
        {% set vanished %}
            select distinct partition_id
            from system.parts
            where
                active
                and database = '{{ this.schema }}'
                and table = '{{ this.identifier }}'
                and partition_id not in (select partitionId({{ keys }}) from {{ wanted }})
        {% endset %}
        {% for row in run_query(vanished).rows %}
            {% do run_query("alter table " ~ this ~ " drop partition id '" ~ row[0] ~ "'") %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#
    A build that was killed leaves the table it was filling. Its name holds the id of the invocation, so that
    no later build reuses it; a day is longer than any build.
#}
{% macro drop_abandoned_tables() %}
    {% if execute %}
        {% set abandoned %}
            select name
            from system.tables
            where
                database = '{{ target.schema }}'
                and match(name, '__dbt_new_data_[0-9a-f_]+$')
                and metadata_modification_time < now() - interval 1 day
        {% endset %}
        {% for row in run_query(abandoned).rows %}
            {% do run_query("drop table if exists " ~ target.schema ~ "." ~ row[0] ~ " " ~ on_every_node()) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#
    The CTEs stale_pair and token_series of the models that are derived from the series alone: the series of the
    pairs whose scores changed.
#}
{% macro stale_token_series() %}
    stale_pair as ({{ select_stale_pairs(ref("int_series_fingerprint"), "series_fingerprint") }}),

    token_series as (
        select *
        from {{ ref("int_token_series") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    )
{% endmacro %}

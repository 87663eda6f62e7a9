{#
    The incremental tables of the trajectories hold one partition per (model, corpus) and, in every row, the
    fingerprint of what the partition was computed from. A pair is stale when the fingerprint it should have
    is not the one it has; only stale pairs are read and recomputed, and REPLACE PARTITION swaps each of them
    in one step. Pairs that are scored no longer are dropped before the model runs.
#}
{% macro select_stale_pairs(wanted, fingerprint) %}
    select model_id, corpus_id, {{ fingerprint }}
    from {{ wanted }}
    {% if is_incremental() %}
        where
            (model_id, corpus_id, {{ fingerprint }})
            not in (select distinct model_id, corpus_id, {{ fingerprint }} from {{ this }})
    {% endif %}
{% endmacro %}

{% macro drop_vanished_pairs(wanted) %}
    {% if execute and is_incremental() %}
        {% set vanished %}
            select distinct _partition_id
            from {{ this }}
            where (model_id, corpus_id) not in (select model_id, corpus_id from {{ wanted }})
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
            {% do run_query("drop table if exists " ~ target.schema ~ "." ~ row[0]) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

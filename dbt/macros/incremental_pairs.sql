{#
    Return the stale pairs with their new fingerprints. If the table does not exist yet, return all pairs.

    A pair is a model and a corpus, or another combination of `keys`. An incremental table holds one partition per pair.
    Every row carries the fingerprint of the data that its partition was computed from. A pair is stale if its
    fingerprint in `wanted` differs from the fingerprint in the table. Only stale pairs are recomputed: dbt replaces
    their partitions.

    `carried` are further columns of `wanted` that the query returns, such as "tokenizer_id".
#}
{% macro select_stale_pairs(wanted, fingerprint, keys="model_id, corpus_id", carried="") %}
    select {{ keys }}, {{ carried ~ ", " if carried else "" }}{{ fingerprint }}
    from {{ wanted }}
    {% if is_incremental() %}
        where
            ({{ keys }}, {{ fingerprint }})
            not in (select distinct {{ keys }}, {{ fingerprint }} from {{ this }})
    {% endif %}
{% endmacro %}

{#
    Return a ClickHouse projection that stores the fingerprint of every pair of model and corpus. A query for
    fingerprints then reads the small projection instead of the large table.
#}
{% macro pair_projection(fingerprint) %}
    {% set columns = "model_id, corpus_id, " ~ fingerprint %}
    {{ return({"name": "pair_state", "query": "select " ~ columns ~ " group by " ~ columns}) }}
{% endmacro %}

{#
    Drop the partitions whose pair, such as a model and a corpus, is no longer in `wanted`. The macro runs before dbt
    builds the table.
#}
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
    Drop the tables that interrupted builds left half filled. No later build reuses such a table, because its name holds
    the id of its build. Tables younger than a day are kept, because they may belong to a running build.
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
    Return two CTEs for models that depend only on the token series. `stale_pair` holds the pairs whose scores changed,
    and `token_series` holds the series of these pairs. `wanted` is the dbt model with the pairs and their fingerprints.
#}
{% macro stale_token_series(wanted="int_series_fingerprint") %}
    stale_pair as ({{ select_stale_pairs(ref(wanted), "series_fingerprint") }}),

    token_series as (
        select *
        from {{ ref("int_token_series") }}
        where (model_id, corpus_id) in (select model_id, corpus_id from stale_pair)
    )
{% endmacro %}

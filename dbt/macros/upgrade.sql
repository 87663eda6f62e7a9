{#
    Take over the incremental tables of an earlier version, so that their rows need not be derived again. The macro
    renames columns that had another name in that version, and drops tables that are now built under another name. In a
    new warehouse there is nothing to rename or drop.
#}
{% macro take_over_earlier_tables() %}
    {% if execute %}
        {% set earlier_tables %}
            select table
            from system.columns
            where
                database = '{{ target.schema }}'
                and table in ('int_token_series', 'int_series_grid')
                and name = 'grid_id'
        {% endset %}
        {% for row in run_query(earlier_tables).rows %}
            {% set table = target.schema ~ "." ~ row[0] ~ " " ~ on_every_node() %}
            {% if row[0] == "int_token_series" %}
                {% do run_query("alter table " ~ table ~ " rename column grid_id to step_set_id") %}
            {% else %} {% do run_query("drop table " ~ table) %}
            {% endif %}
        {% endfor %}
        {% do drop_tables_derived_otherwise() %}
    {% endif %}
{% endmacro %}

{#
    Drop the tables that an earlier version derived in another way, so that they are derived again: random token sets drawn
    with replacement, and sums over token sets without those over documents. Such a table lacks the given column.
#}
{% macro drop_tables_derived_otherwise() %}
    {% set new_columns = {
        "int_random_token_set": "",
        "int_token_bucket_log_prob": "squared_loss_sum",
        "int_token_set_log_prob": "log_prob_sum_nats",
    } %}
    {% for table, column in new_columns.items() %}
        {% set lacking %}
            select name
            from system.tables
            where
                database = '{{ target.schema }}'
                and name = '{{ table }}'
                and name not in (
                    select table
                    from system.columns
                    where database = '{{ target.schema }}' and name = '{{ column }}'
                )
        {% endset %}
        {% if run_query(lacking).rows | length > 0 %}
            {% do run_query("drop table " ~ target.schema ~ "." ~ table ~ " " ~ on_every_node()) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

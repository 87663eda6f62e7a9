{#
    Take over the incremental tables of an earlier version, so that their rows need not be derived again. The macro
    renames columns that had another name in that version, and drops tables that are now built under another name or
    that lack a column which cannot be derived from their rows. In a new warehouse there is nothing to rename or drop.
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
        {% do drop_tables_without("int_item_outcome", "chosen_score") %}
    {% endif %}
{% endmacro %}

{# Drop an incremental table of an earlier version that lacks a column. The build derives it anew. #}
{% macro drop_tables_without(table, column) %}
    {% set columns %}
        select countIf(name = '{{ column }}') as present_count, count() as column_count
        from system.columns
        where database = '{{ target.schema }}' and table = '{{ table }}'
    {% endset %}
    {% set found = run_query(columns).rows[0] %}
    {% if found[1] > 0 and found[0] == 0 %}
        {# The adapter also forgets the table. Otherwise, dbt would take it for an existing incremental table. #}
        {% do adapter.drop_relation(adapter.get_relation(none, target.schema, table)) %}
    {% endif %}
{% endmacro %}

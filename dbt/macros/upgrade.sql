{#
    Take over the incremental tables of an earlier version, so that their rows need not be derived again. The macro
    renames columns that had another name in that version, and drops tables that are now built under another name. It
    also drops small tables that lack a column of this version; they are derived again. In a
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
        {% set tables_without_a_column %}
            select name
            from system.tables
            where
                database = '{{ target.schema }}'
                and name = 'int_trend_count_by_start'
                and name not in (
                    select table
                    from system.columns
                    where database = '{{ target.schema }}' and name = 'share_low'
                )
        {% endset %}
        {% for row in run_query(tables_without_a_column).rows %}
            {% do run_query("drop table " ~ target.schema ~ "." ~ row[0] ~ " " ~ on_every_node()) %}
        {% endfor %}
        {% for row in run_query(earlier_tables).rows %}
            {% set table = target.schema ~ "." ~ row[0] ~ " " ~ on_every_node() %}
            {% if row[0] == "int_token_series" %}
                {% do run_query("alter table " ~ table ~ " rename column grid_id to step_set_id") %}
            {% else %} {% do run_query("drop table " ~ table) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#
    Renames columns of incremental tables that an earlier version built, and drops the tables that it named otherwise,
    so that their rows need not be derived again. Does nothing in a new warehouse.
#}
{% macro rename_earlier_columns() %}
    {% if execute %}
        {% set earlier_columns %}
            select table from system.columns
            where database = '{{ target.schema }}' and table = 'int_token_series' and name = 'grid_id'
        {% endset %}
        {% for row in run_query(earlier_columns).rows %}
            {% do run_query(
                "alter table "
                ~ target.schema
                ~ "."
                ~ row[0]
                ~ " "
                ~ on_every_node()
                ~ " rename column grid_id to step_set_id"
            ) %}
        {% endfor %}
        {% do run_query("drop table if exists " ~ target.schema ~ ".int_series_grid " ~ on_every_node()) %}
    {% endif %}
{% endmacro %}

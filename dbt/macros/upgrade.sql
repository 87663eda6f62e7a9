{#
    Take over the incremental tables and seeds of an earlier version, so that their rows need not be derived again. The
    macro renames columns that had another name in that version. It drops tables that are now built under another name,
    and tables that lack a column which cannot be derived from their rows. In a new warehouse there is nothing to rename
    or drop.
#}
{% macro take_over_earlier_tables() %}
    {% set renamed_columns = {
        "int_token_series": ["grid_id", "step_set_id"],
        "int_token_double_descent": ["is_double_descent", "falls_below_minimum"],
    } %}
    {% set needed_columns = {
        "int_series_grid": none,
        "int_random_token_set": none,
        "int_trend_count_by_token_property": none,
        "int_token_bucket_log_prob": "squared_loss_sum",
        "int_token_set_log_prob": "document_block_count",
        "int_item_outcome": "chosen_score",
        "int_trend_count_by_start": "token_share",
        "rise_threshold": "loss_of",
        "trend_convention": "is_kept_by_token",
    } %}
    {% if execute %}
        {% for table, (earlier, now) in renamed_columns.items() %}
            {% if earlier in list_columns(table) %}
                {% set name = target.schema ~ "." ~ table ~ " " ~ on_every_node() %}
                {% do run_query("alter table " ~ name ~ " rename column " ~ earlier ~ " to " ~ now) %}
            {% endif %}
        {% endfor %}
        {% for table, column in needed_columns.items() %}
            {% set columns = list_columns(table) %}
            {% if columns and column not in columns %}
                {# The adapter also forgets the table. Otherwise, dbt would take it for an existing incremental table. #}
                {% do adapter.drop_relation(adapter.get_relation(none, target.schema, table)) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{# Return the names of the columns of a derived table. The list is empty if there is no such table. #}
{% macro list_columns(table) %}
    {% set columns %}
        select name from system.columns where database = '{{ target.schema }}' and table = '{{ table }}'
    {% endset %}
    {{ return(run_query(columns).rows | map(attribute=0) | list) }}
{% endmacro %}

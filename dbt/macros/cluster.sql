{#
    On a cluster every table of this project is replicated whole to every node: what is derived is small beside the
    scores, and a view or a join then finds all of it wherever it runs. The adapter's own macro writes the engine as
    the model states it; this one stands before it.
#}
{% macro engine_clause() %}
    {%- set engine = config.get("engine", default="MergeTree()") -%}
    {%- if adapter.get_clickhouse_cluster_name() is not none -%}
        {%- set engine = replicate_engine(engine) -%}
    {%- endif %}
    engine = {{ engine }}
{%- endmacro %}

{# MergeTree(x) becomes ReplicatedMergeTree(path, replica, x); what is replicated already stays as it is. #}
{% macro replicate_engine(engine) -%}
    {%- set name, _, rest = engine.partition("(") -%}
    {%- if "MergeTree" not in name or name.startswith("Replicated") -%} {{ return(engine) }} {%- endif -%}
    {%- set replica = ["'/clickhouse/tables/{uuid}/all'", "'{shard}-{replica}'"] -%}
    {%- set arguments = rest.rstrip(") ") -%}
    {{
        return(
            "Replicated" ~ name ~ "(" ~ ((replica + [arguments]) if arguments else replica)
            | join(", ") ~ ")"
        )
    }}
{%- endmacro %}

{# The clause that runs a statement on every node; empty on one server. #}
{% macro on_every_node() -%}
    {%- set cluster = adapter.get_clickhouse_cluster_name() -%}
    {{- "on cluster " ~ cluster if cluster is not none -}}
{%- endmacro %}

{#
    Return the engine clause of a table. This macro overrides the adapter's macro. On a cluster, every derived table is
    replicated to every node, so that a view or join finds all rows on the node where it runs. The copies take little
    space, because derived tables are small compared with the scores.
#}
{% macro engine_clause() %}
    {%- set engine = config.get("engine", default="MergeTree()") -%}
    {%- if adapter.get_clickhouse_cluster_name() is not none -%}
        {%- set engine = replicate_engine(engine) -%}
    {%- endif %}
    engine = {{ engine }}
{%- endmacro %}

{# Turn MergeTree(x) into ReplicatedMergeTree(path, replica, x). Return any other engine unchanged. #}
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

{# Return the clause that runs a statement on every node of a cluster. It is empty on a single server. #}
{% macro on_every_node() -%}
    {%- set cluster = adapter.get_clickhouse_cluster_name() -%}
    {{- "on cluster " ~ cluster if cluster is not none -}}
{%- endmacro %}

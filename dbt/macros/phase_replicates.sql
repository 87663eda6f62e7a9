{# Return the sums over blocks of units of an array with one value for each unit. #}
{% macro block_sums(values) -%} arrayReduceInRanges('sum', block_ranges, {{ values }}) {%- endmacro %}

{# Return, for each replicate, the weighted sum of the sums over blocks. #}
{% macro replicate_sums(sums) -%}
    arrayMap(weights -> arrayDotProduct(weights, {{ sums }}), replicate_weights)
{%- endmacro %}

{# Return one bound of the bootstrap interval of a step (dbt/macros/document_bootstrap.sql), or null without replicates. #}
{% macro phase_bound(replicates, bound) -%}
    if(
        empty({{ replicates }}),
        null,
        {{ bootstrap_bound(replicates, bound, "greatest(document_block_count, 2)") }}
    )
{%- endmacro %}

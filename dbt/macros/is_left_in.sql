{# Return the condition that the checkpoint of a row is not left out as damaged. The row has `model_id` and `step`. #}
{% macro is_left_in() -%}
    (model_id, step) not in (select model_id, step from {{ ref("stg_registry__left_out_checkpoint") }})
{%- endmacro %}

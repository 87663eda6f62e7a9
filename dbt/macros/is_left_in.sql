{# Return the condition that the checkpoint of a row, by `model_id` and `step`, is not left out for its damage. #}
{% macro is_left_in() -%}
    (model_id, step) not in (select model_id, step from {{ ref("stg_registry__left_out_checkpoint") }})
{%- endmacro %}

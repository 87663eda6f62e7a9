{#
    Return an SQL condition that is true for every row whose checkpoint the marts use. It is false if the checkpoint is
    left out as damaged. The row must have the columns `model_id` and `step`.
#}
{% macro is_left_in() -%}
    (model_id, step) not in (select model_id, step from {{ ref("stg_registry__left_out_checkpoint") }})
{%- endmacro %}

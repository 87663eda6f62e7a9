{# What a person calls a checkpoint, and what joins on one column use. #}
{% macro checkpoint_id(model_id, step) -%} concat({{ model_id }}, '@', toString({{ step }})) {%- endmacro %}

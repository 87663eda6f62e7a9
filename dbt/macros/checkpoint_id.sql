{# Name of a checkpoint, `model_id@step`: shown to readers, and a key in a single column. #}
{% macro checkpoint_id(model_id, step) -%} concat({{ model_id }}, '@', toString({{ step }})) {%- endmacro %}

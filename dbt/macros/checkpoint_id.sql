{# Return the name of a checkpoint, `model_id@step`. The name is shown to readers and is a key in a single column. #}
{% macro checkpoint_id(model_id, step) -%} concat({{ model_id }}, '@', toString({{ step }})) {%- endmacro %}

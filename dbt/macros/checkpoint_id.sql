{# Return the name of a checkpoint, `model_id@step`. Readers see the name, and it is a key in a single column. #}
{% macro checkpoint_id(model_id, step) -%} concat({{ model_id }}, '@', toString({{ step }})) {%- endmacro %}

{# Test that no combination of values occurs more than once. A returned row is a repeated combination. #}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count() as occurrence_count
    from {{ model }}
    group by {{ columns | join(", ") }}
    having occurrence_count > 1
{% endtest %}

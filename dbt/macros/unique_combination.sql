{# Data test: a returned row is a combination of values that occurs more than once. #}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count() as occurrence_count
    from {{ model }}
    group by {{ columns | join(", ") }}
    having occurrence_count > 1
{% endtest %}

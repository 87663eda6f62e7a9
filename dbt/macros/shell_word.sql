{# Return a text as one word of a shell's command line: in quotation marks unless every character is plain. #}
{% macro shell_word(text) -%}
    if(
        match({{ text }}, '^[A-Za-z0-9@%+=:,./_-]+$'),
        {{ text }},
        concat('\'', replaceAll({{ text }}, '\'', '\'"\'"\''), '\'')
    )
{%- endmacro %}

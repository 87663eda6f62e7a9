{#
    A text that shows what it holds and cannot steer what shows it: line breaks as ⏎, tabs as ⇥, other control and
    formatting characters as the replacement character.
#}
{% macro visible_text(column) -%}
    replaceRegexpAll(
        replaceAll(replaceRegexpAll({{ column }}, '\\r\\n|\\r|\\n|\\x{2028}|\\x{2029}', '⏎'), '\t', '⇥'),
        '\\p{C}',
        '�'
    )
{%- endmacro %}

{#
    Return the text with line breaks shown as ⏎, tabs as ⇥, and other control and formatting characters as the
    replacement character. Invisible characters become visible, and none can affect the page or terminal that displays
    the text.
#}
{% macro visible_text(column) -%}
    replaceRegexpAll(
        replaceAll(replaceRegexpAll({{ column }}, '\\r\\n|\\r|\\n|\\x{2028}|\\x{2029}', '⏎'), '\t', '⇥'),
        '\\p{C}',
        '�'
    )
{%- endmacro %}

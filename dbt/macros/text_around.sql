{#
    Return the CTE `context`: the tokens around each token of `place`, which has the columns tokenizer_id, corpus_id,
    document_id and position. `tokens` holds (position, text) of the twelve tokens before it, itself and the six after it.
#}
{% macro text_around(place) -%}
    neighbour as (
        select tokenizer_id, corpus_id, document_id, position, token_text
        from {{ ref("stg_corpora__token") }}
        where
            (tokenizer_id, corpus_id, document_id)
            in (select tokenizer_id, corpus_id, document_id from {{ place }})
    ),

    context as (
        select
            {{ place }}.tokenizer_id as tokenizer_id,
            {{ place }}.corpus_id as corpus_id,
            {{ place }}.document_id as document_id,
            {{ place }}.position as position,
            arraySort(groupArray((neighbour.position, neighbour.token_text))) as tokens
        from {{ place }}
        inner join
            neighbour
            on {{ place }}.tokenizer_id = neighbour.tokenizer_id
            and {{ place }}.corpus_id = neighbour.corpus_id
            and {{ place }}.document_id = neighbour.document_id
        where neighbour.position between {{ place }}.position - 12 and {{ place }}.position + 6
        group by tokenizer_id, corpus_id, document_id, position
    )
{%- endmacro %}

{# Return the visible text of the tokens in `tokens` that stand before, at or after a position. #}
{% macro text_beside(tokens, position, sign) -%}
    {%- set text -%}
        arrayStringConcat(
            arrayMap(
                token -> token .2, arrayFilter(token -> token .1 {{ sign }} {{ position }}, {{ tokens }})
            )
        )
    {%- endset -%}
    {{ visible_text(text, longest_label=300) }}
{%- endmacro %}

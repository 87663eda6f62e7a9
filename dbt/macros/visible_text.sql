{#
    Return the text as a label on one line. Each invisible character is shown as its code point, such as \u{202e}, a
    line break as ⏎ and a tab as ⇥. The joiners and selectors within an emoji stay, so that it is shown whole. A label
    of more than `longest_label` characters is cut, and then followed by the length of the text. So no text can hide
    a part of itself, affect the page or terminal that displays it, or push other columns out of sight.

    `make_label` in trailhouse/support/visible_text.py applies the same rule; a test compares the two on random texts.
    The ranges are written out because the Unicode tables of Python and of the engine differ between versions.
#}
{% macro visible_text(column, longest_label=100) -%}
    {%- set invisible -%}
        \\x00-\\x1F\\x7F-\\x9F\\xAD\\x{034F}\\x{061C}\\x{115F}\\x{1160}\\x{17B4}\\x{17B5}\\x{180B}-\\x{180F}
        \\x{200B}-\\x{200F}\\x{2028}-\\x{202E}\\x{2060}-\\x{206F}\\x{2800}\\x{3164}\\x{D800}-\\x{F8FF}
        \\x{FDD0}-\\x{FDEF}\\x{FE00}-\\x{FE0F}\\x{FEFF}\\x{FFA0}\\x{FFF0}-\\x{FFFB}\\x{FFFE}\\x{FFFF}
        \\x{13430}-\\x{1343F}\\x{1BCA0}-\\x{1BCA3}\\x{1D159}\\x{1D173}-\\x{1D17A}\\x{1FFFE}\\x{1FFFF}
        \\x{2FFFE}\\x{2FFFF}\\x{3FFFE}-\\x{10FFFF}
    {%- endset -%}
    {%- set pictograph -%}
        [\\xA9\\xAE\\x{203C}\\x{2049}\\x{2122}\\x{2139}\\x{2190}-\\x{21FF}\\x{2300}-\\x{23FF}\\x{24C2}
        \\x{25A0}-\\x{27BF}\\x{2900}-\\x{297F}\\x{2B00}-\\x{2BFF}\\x{3030}\\x{303D}\\x{3297}\\x{3299}
        \\x{1F000}-\\x{1FAFF}][\\x{FE0E}\\x{FE0F}]?[\\x{1F3FB}-\\x{1F3FF}]?
    {%- endset -%}
    {%- set invisible, pictograph = invisible.split() | join, pictograph.split() | join -%}
    {%- set emoji -%} {{ pictograph }}(?:\\x{200D}{{ pictograph }}){0,8}|[0-9#*]\\x{FE0F}\\x{20E3} {%- endset -%}
    if(
        not match({{ column }}, '[{{ invisible }}]') and lengthUTF8({{ column }}) <= {{ longest_label }},
        {{ column }},
        arrayMap(
            pieces -> if(
                lengthUTF8(arrayStringConcat(pieces)) <= {{ longest_label }},
                arrayStringConcat(pieces),
                concat(
                    arrayStringConcat(
                        arrayFilter(
                            (piece, end) -> end <= {{ longest_label }},
                            pieces,
                            arrayCumSum(arrayMap(piece -> lengthUTF8(piece), pieces))
                        )
                    ),
                    '… (',
                    toString(lengthUTF8({{ column }})),
                    ' characters)'
                )
            ),
            [
                arrayMap(
                    piece -> multiIf(
                        piece in ('\r\n', '\r', '\n', '\xE2\x80\xA8', '\xE2\x80\xA9'),
                        '⏎',
                        piece = '\t',
                        '⇥',
                        match(piece, '^[{{ invisible }}]'),
                        concat(
                            '\\u{',
                            replaceRegexpOne(
                                lower(hex(convertCharset(piece, 'UTF-8', 'UTF-32BE'))), '^0{1,7}', ''
                            ),
                            '}'
                        ),
                        piece
                    ),
                    extractAll({{ column }}, '(?s)\\r\\n|{{ emoji | trim }}|.')
                )
            ]
        )[1]
    )
{%- endmacro %}

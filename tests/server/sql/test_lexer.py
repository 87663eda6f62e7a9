"""The tokens of ClickHouse's SQL."""

from __future__ import annotations

import pytest

from trailhouse.server.sql.lexer import TokenKind, scan_tokens

W, Q, O, C = TokenKind.WORD, TokenKind.QUOTED, TokenKind.OPENING, TokenKind.CLOSING  # noqa: E741


def scan(text: str) -> list[tuple[TokenKind, str]]:
    encoded = text.encode()
    return [(token.kind, token.written_in(encoded).decode()) for token in scan_tokens(encoded)]


def words(text: str) -> list[str]:
    return [token.word for token in scan_tokens(text.encode()) if token.kind is W]


def test_words_are_read_in_upper_case_and_other_tokens_have_none():
    tokens = list(scan_tokens(b"select a1 'b' (2)"))
    assert [token.word for token in tokens] == ["SELECT", "A1", "", "", "", ""]
    assert [(token.start, token.end) for token in tokens] == [(0, 6), (7, 9), (10, 13), (14, 15), (15, 16), (16, 17)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((character, O) for character in "([{"),
        *((character, C) for character in ")]}"),
        (";", TokenKind.SEMICOLON),
        *((character, TokenKind.OTHER) for character in "=,.*+-/#\\"),
        ("12ab", TokenKind.OTHER),
        ("_a$1", W),
        ("$a", W),
    ],
)
def test_every_kind_of_token_is_told_apart(text, kind):
    assert scan(text) == [(kind, text)]


@pytest.mark.parametrize(
    "quote",
    [
        "'a'", "''", "'a''b'", r"'a\'b'", r"'\\'", "'a\nb;'", "'-- no comment'", "'/*'",
        '"a"', '"a""b"', r'"a\"b"', "`a`", "`a``b`", r"`a\`b`",
        "$$a$$", "$tag$a $$ $other$ b$tag$", "$$'$$",
        "\u2018a\u2019", "\u201ca\u201d", "\u2018\u201d\u2019",
    ],
)  # fmt: skip
def test_a_quote_is_one_token_that_ends_at_its_own_mark(quote):
    assert scan(f"{quote} after") == [(Q, quote), (W, "after")]


@pytest.mark.parametrize(
    "comment",
    [
        "-- a\n", "--\n", "// a\n", "# a\n", "#! a\n", "-- it's\n", "-- /*\n",
        "/**/", "/* a */", "/* ; ' */", "/*/ a */", "/* a ** b */",
        "/* a /* b */ c */", "/* /* /* */ */ */", "/*/**/*/", "/* a */ /* b */",
    ],
)  # fmt: skip
def test_comments_are_skipped_and_nest(comment):
    assert scan(f"before{comment}after") == [(W, "before"), (W, "after")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/* a /* b */ file('x')", ["UNTERMINATED"]),  # one comment is still open
        ("/* a */ b */ c", ["WORD", "OTHER", "OTHER", "WORD"]),  # the first */ ends the comment
        ("a /*", ["WORD", "UNTERMINATED"]),
        ("a /*/", ["WORD", "UNTERMINATED"]),
        ("'a", ["UNTERMINATED"]),
        ("'a''", ["UNTERMINATED"]),
        (r"'a\'", ["UNTERMINATED"]),
        ('"a', ["UNTERMINATED"]),
        ("`a", ["UNTERMINATED"]),
        ("\u2018a'", ["UNTERMINATED"]),
        ("\u201ca\u2019", ["UNTERMINATED"]),
    ],
)
def test_what_is_not_closed_takes_the_rest_of_the_text(text, expected):
    tokens = list(scan_tokens(text.encode()))
    assert [token.kind.name for token in tokens] == expected
    assert tokens[-1].end == len(text.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{$x$:Int32}", [(O, "{"), (W, "$x$"), (TokenKind.OTHER, ":"), (W, "Int32"), (C, "}")]),
        ("$x$y$z", [(W, "$x$y$z")]),
        ("$a$b$$", [(W, "$a$b$$")]),
        ("$$a$", [(TokenKind.OTHER, "$"), (W, "$a$")]),
        ("$$$", [(TokenKind.OTHER, "$")] * 3),
        ("$ ", [(TokenKind.OTHER, "$")]),
        ("$1 $+", [(W, "$1"), (TokenKind.OTHER, "$"), (TokenKind.OTHER, "+")]),
        ("$x$ '$x$' $y$", [(Q, "$x$ '$x$"), (TokenKind.UNTERMINATED, "' $y$")]),
        ("$x$ + $y$ + $x$ + $y$", [(Q, "$x$ + $y$ + $x$"), (TokenKind.OTHER, "+"), (W, "$y$")]),
        ("a$x$ $x$", [(W, "a$x$"), (W, "$x$")]),
    ],
)
def test_a_tag_that_does_not_occur_again_is_a_word_or_a_dollar_sign(text, expected):
    assert scan(text) == expected


def test_a_line_comment_ends_at_the_line_and_a_hash_without_a_space_is_none():
    assert words("a -- b\nc") == ["A", "C"]
    assert words("a # b\nc") == ["A", "C"]
    assert words("a #b\nc") == ["A", "B", "C"]
    assert words("a - - b") == ["A", "B"]
    assert words("a -- b") == ["A"]


@pytest.mark.parametrize("space", [*" \t\n\v\f\r", "\u00a0", "\u2000", "\u200b", "\u3000", "\ufeff", " \n \u3000"])
def test_every_white_space_of_clickhouse_separates_words(space):
    assert scan(f"a{space}b") == [(W, "a"), (W, "b")]


def test_bytes_that_are_no_text_are_tokens_too():
    assert [token.kind for token in scan_tokens(b"\xff\x00a")] == [TokenKind.OTHER, TokenKind.OTHER, W]
    assert list(scan_tokens(b"")) == []

"""The lexer and the engine agree about which characters part words, so that none hides a word from the guard."""

from __future__ import annotations

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.lexer import TokenKind, scan_tokens
from trailhouse.server.sql.statement import parse_statement

CHARACTERS = [bytes([byte]) for byte in range(256)]
CHARACTERS += [chr(code).encode() for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000]
_PIECE = 20_000


def part_words(character: bytes) -> bool:
    kinds = [(token.kind, token.word) for token in scan_tokens(b"SET" + character + b"ROLE" + character + b"admin")]
    return kinds == [(TokenKind.WORD, word) for word in ("SET", "ROLE", "ADMIN")]


@pytest.fixture(scope="module")
def spaces(http) -> set[bytes]:
    """The characters that part words for the engine."""
    found: list[str] = []
    for start in range(0, len(CHARACTERS), _PIECE):
        codes = ", ".join(f"'{character.hex()}'" for character in CHARACTERS[start : start + _PIECE])
        parsed = "formatQuerySingleLineOrNull(concat('SET', c, 'ROLE', c, 'admin'))"
        sql = f"SELECT hex(c) FROM (SELECT unhex(arrayJoin([{codes}])) AS c) WHERE {parsed} = 'SET ROLE admin'"
        answer = http.post("/", content=sql)
        assert answer.status_code == 200, answer.text
        found += answer.text.split()
    return {bytes.fromhex(code) for code in found}


def test_the_lexer_and_the_engine_have_the_same_white_space(spaces):
    assert len(spaces) > 20
    assert {character for character in CHARACTERS if part_words(character)} == spaces


def test_no_character_hides_a_forbidden_statement(spaces, reader_http):
    for space in spaces:
        for statement in (b"SET" + space + b"ROLE" + space + b"admin", space + b"SET ROLE admin"):
            answer = reader_http.post("/", params={"session_id": "hidden"}, content=statement)
            assert answer.headers.get("X-ClickHouse-Exception-Code") == "497", statement
    assert (
        reader_http.post("/", params={"session_id": "hidden"}, content="SELECT currentRoles()").text == "['reader']\n"
    )


@pytest.mark.parametrize("character", ["\u0000", "\u007f", "\u00e4", "\u2192", "\U0001f600"])
def test_other_characters_stand_only_in_quotes_and_comments(character):
    with pytest.raises(ServerError, match="Syntax error: failed at position 8 "):
        parse_statement(f"SELECT {character} 1".encode())
    parse_statement(f"SELECT '{character}', `{character}` -- {character}".encode())


def test_the_typographic_minus_is_an_operator(http):
    assert http.post("/", content="SELECT 3 \u2212 1").text == "2\n"

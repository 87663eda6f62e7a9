"""The head of an INSERT whose rows are in the request's body: the SQL before the first byte of the rows."""

from __future__ import annotations

from dataclasses import dataclass

from trailhouse.server.sql.guard import refuse_forbidden_clauses
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens
from trailhouse.server.sql.statement import begins_settings


@dataclass(frozen=True)
class InsertHead:
    """The head of an INSERT.

    ``text`` is the head without its SETTINGS and FORMAT clauses. ``data_start`` is the index of the rows' first byte.
    """

    text: bytes
    settings: bytes
    format: str
    data_start: int


def is_insert(buffer: bytes) -> bool:
    """Return whether the first word of the statement is INSERT."""
    first = next(scan_tokens(buffer), None)
    return first is not None and first.word == "INSERT"


def find_insert_head(buffer: bytes, *, is_complete: bool) -> InsertHead | None:
    """Return the head of the INSERT in ``buffer``.

    The head ``INSERT INTO t (a, b) [SETTINGS ...] FORMAT Name`` ends at the line break after the format's name. With
    VALUES instead of FORMAT, the head ends after the word VALUES. Returns None if the head has not arrived completely,
    or if the INSERT has no rows in the body, such as INSERT ... SELECT. ``is_complete`` says whether the complete body
    has arrived in ``buffer``. Raises ServerError if the guard forbids the head.
    """
    depth = 0
    before: list[Token] = []
    for token in scan_tokens(buffer):
        if token.kind is TokenKind.UNTERMINATED or (token.end == len(buffer) and not is_complete):
            return None  # the next piece of the body may continue the last token
        if token.kind is TokenKind.OPENING:
            depth += 1
        elif token.kind is TokenKind.CLOSING:
            depth -= 1
        elif depth == 0 and (token.kind is TokenKind.SEMICOLON or token.word in ("SELECT", "WITH")):
            return None
        elif depth == 0 and (head := _make_head_at(buffer, before, token)) is not None:
            may_go_on = head.data_start == len(buffer) and not is_complete  # the head's line break may still arrive
            return None if may_go_on else head
        before.append(token)
    return None


def _make_head_at(buffer: bytes, before: list[Token], token: Token) -> InsertHead | None:
    """Return the head of the INSERT if ``token`` ends the head; None otherwise.

    The head ends with the word VALUES or with the name of a format. ``before`` holds the tokens before ``token``.
    """
    if token.kind is not TokenKind.WORD or len(before) < 2:
        return None
    previous = before[-1]
    if token.word == "VALUES" and previous.word != "FORMAT":
        return _make_head(buffer, before, "Values", token.end)
    if previous.word == "FORMAT" and len(before) > 2:
        name = token.written_in(buffer).decode()
        return _make_head(buffer, before[:-1], name, _find_data_start(buffer, token.end, name))
    return None


def _make_head(buffer: bytes, tokens: list[Token], format_name: str, data_start: int) -> InsertHead:
    end = tokens[-1].end
    refuse_forbidden_clauses(buffer[:end], tokens)
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.kind is TokenKind.OPENING) - (token.kind is TokenKind.CLOSING)
        if depth == 0 and begins_settings(tokens, index, buffer):
            return InsertHead(buffer[: token.start], buffer[token.end : end], format_name, data_start)
    return InsertHead(buffer[:end], b"", format_name, data_start)


def _find_data_start(buffer: bytes, position: int, format_name: str) -> int:
    """Return the index of the rows' first byte: skip a semicolon, blanks and one line break after the format's name."""
    if buffer[position : position + 1] == b";":
        position += 1
    if format_name.lower() == "values":
        return position
    while buffer[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    if buffer[position : position + 1] == b"\r":
        position += 1
    if buffer[position : position + 1] == b"\n":
        position += 1
    return position

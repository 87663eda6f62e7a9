"""This module parses a statement and decides how the statement is run.

The parser also finds the FORMAT and SETTINGS clauses at the end of the statement, so that the server can replace them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.guard import refuse_forbidden_clauses
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens

# SQL expression for a client's query id, which the server stores in the first line of the setting log_comment.
# The engine's column query_id does not contain the client's query id, because the engine chooses its own ids.
QUERY_ID_EXPRESSION = "splitByChar('\\n', Settings['log_comment'])[1]"

_PIPED_WORDS = frozenset({"SELECT", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "CHECK", "KILL"})
_INSERTING_WORDS = frozenset({"INSERT", "WITH", "EXPLAIN"})  # first words of statements that may hold an INSERT
_TABLE_OUTPUT_WORDS = frozenset({"EXPLAIN", "VALUES", "TABLE"})
_SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})


class Kind(Enum):
    """How a statement is run."""

    RESULT = auto()  # the statement's rows can be written to a pipe
    DIRECT = auto()  # the statement is run unchanged, and its result is small or empty


@dataclass(frozen=True)
class Statement:
    """One statement. ``body`` is ``text`` without the FORMAT and SETTINGS clauses at its end."""

    kind: Kind
    first_word: str
    text: bytes
    body: bytes
    format: str | None
    settings: bytes

    @property
    def has_result(self) -> bool:
        """Whether the answer is a table, possibly an empty one."""
        return self.kind is Kind.RESULT or self.first_word in _TABLE_OUTPUT_WORDS


def parse_statement(text: bytes) -> Statement:
    """Parse ``text``, which must hold exactly one statement.

    Raises ServerError

    - 62 if ``text`` holds no statement or several statements,
    - 497 if the guard forbids the statement,
    - 48 if an INSERT uses the table function ``input``, or
    - 452 if a statement of kind DIRECT, other than SET, sets ``log_comment``.
    """
    tokens = _drop_final_semicolons(list(scan_tokens(text)))
    if not tokens:
        raise ServerError(62, "SYNTAX_ERROR", "Empty query")
    refuse_forbidden_clauses(text, tokens)
    first = _find_first_word(tokens)
    end = tokens[-1].end
    is_insert = first in _INSERTING_WORDS and any(_begins_insert(tokens, index) for index, _ in _walk_top_level(tokens))
    if is_insert and any(_calls_input(text, tokens, index) for index in range(len(tokens) - 1)):
        raise ServerError(48, "NOT_IMPLEMENTED", "The table function input is not supported: insert, then transform")
    if is_insert or not (first == "WITH" or first in _PIPED_WORDS):
        _refuse_log_comment(text, tokens, first)
        # the FORMAT clause of an INSERT names the format of its rows
        format_name = None if is_insert else _read_final_format(tokens, text)
        return Statement(Kind.DIRECT, first, text[:end], text[:end], format_name, b"")
    body_end, format_name, settings = _split_final_clauses(tokens, text)
    body = _rewrite_query_ids(text[:body_end], tokens) if first == "KILL" else text[:body_end]
    return Statement(Kind.RESULT, first, text[:end], body, format_name, settings)


def begins_settings(tokens: list[Token], index: int, text: bytes) -> bool:
    """Return whether the token at ``index`` is the word SETTINGS followed by an assignment."""
    if tokens[index].word != "SETTINGS" or index + 2 >= len(tokens):
        return False
    is_name = tokens[index + 1].kind in (TokenKind.WORD, TokenKind.QUOTED)
    return is_name and tokens[index + 2].written_in(text) == b"="


def _drop_final_semicolons(tokens: list[Token]) -> list[Token]:
    """Return the tokens without the semicolons at the end.

    Raises ServerError 62 if another statement follows a semicolon.
    """
    end = len(tokens)
    while end and tokens[end - 1].kind is TokenKind.SEMICOLON:
        end -= 1
    if any(token.kind is TokenKind.SEMICOLON for token in tokens[:end]):
        raise ServerError(
            62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one statement per request"
        )
    return tokens[:end]


def _find_first_word(tokens: list[Token]) -> str:
    """Return the first word of the statement, such as SELECT, even if parentheses precede it."""
    return next((token.word for token in tokens if token.kind is not TokenKind.OPENING), "")


def _walk_top_level(tokens: list[Token]) -> Iterator[tuple[int, Token]]:
    """Yield the words outside parentheses, with their indices."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.OPENING:
            depth += 1
        elif token.kind is TokenKind.CLOSING:
            depth -= 1
        elif depth == 0 and token.kind is TokenKind.WORD:
            yield index, token


def _begins_insert(tokens: list[Token], index: int) -> bool:
    """Return whether the words INSERT INTO are at ``index``. INSERT alone may be a name, as in SELECT 1 AS insert."""
    return tokens[index].word == "INSERT" and index + 1 < len(tokens) and tokens[index + 1].word == "INTO"


def _calls_input(text: bytes, tokens: list[Token], index: int) -> bool:
    return tokens[index].word == "INPUT" and tokens[index + 1].written_in(text) == b"("


def _refuse_log_comment(text: bytes, tokens: list[Token], first: str) -> None:
    """Refuse a statement other than SET that sets ``log_comment``.

    KILL QUERY reads the client's query id from this setting, so the statement must not replace the setting.
    """
    for token, following in itertools.pairwise(tokens):
        if first != "SET" and token.word == "LOG_COMMENT" and following.written_in(text) == b"=":
            raise ServerError(
                452,
                "SETTING_CONSTRAINT_VIOLATION",
                "Setting log_comment should not be changed inside this statement: give it in the URL",
            )


def _rewrite_query_ids(body: bytes, tokens: list[Token]) -> bytes:
    """Replace the column query_id by an expression, so that KILL QUERY finds queries by the ids that clients chose."""
    pieces, end = [], 0
    for token in tokens:
        if token.word == "QUERY_ID" and token.end <= len(body):
            pieces += [body[end : token.start], QUERY_ID_EXPRESSION.encode()]
            end = token.end
    return b"".join([*pieces, body[end:]])


def _split_final_clauses(tokens: list[Token], text: bytes) -> tuple[int, str | None, bytes]:
    """Return the position at which the final FORMAT and SETTINGS clauses begin, the format's name, and the settings."""
    clauses = _find_final_clauses(tokens, text)
    if not clauses:
        return tokens[-1].end, None, b""
    format_name, settings = None, []
    for index, end in itertools.pairwise([*clauses, len(tokens)]):
        if tokens[index].word == "FORMAT":
            format_name = tokens[index + 1].written_in(text).decode()
        else:
            settings.append(text[tokens[index].end : tokens[end - 1].end].strip())
    body_end = tokens[clauses[0] - 1].end if clauses[0] else 0
    return body_end, format_name, b", ".join(settings)


def _find_final_clauses(tokens: list[Token], text: bytes) -> list[int]:
    """Return the indices of the words FORMAT and SETTINGS whose clauses end the statement.

    A clause before UNION, INTERSECT or EXCEPT belongs to only one SELECT, so it is not returned.
    """
    clauses: list[int] = []
    for index, token in _walk_top_level(tokens):
        if token.word in _SET_OPERATIONS:
            clauses.clear()
        elif _is_final_format(tokens, index) or begins_settings(tokens, index, text):
            clauses.append(index)
    return clauses


def _is_final_format(tokens: list[Token], index: int) -> bool:
    """Return whether FORMAT at ``index`` is followed by a format's name, and then by SETTINGS or nothing."""
    if tokens[index].word != "FORMAT" or index + 1 >= len(tokens) or tokens[index + 1].kind is not TokenKind.WORD:
        return False
    return index + 2 == len(tokens) or tokens[index + 2].word == "SETTINGS"


def _read_final_format(tokens: list[Token], text: bytes) -> str | None:
    if len(tokens) > 2 and tokens[-2].word == "FORMAT" and tokens[-1].kind is TokenKind.WORD:
        return tokens[-1].written_in(text).decode()
    return None

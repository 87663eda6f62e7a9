"""What a query is and where its clauses lie, so that the server can add its own and refuse what it must."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import Enum, auto

from trailhouse.server.errors import ServerError
from trailhouse.server.sql.guard import refuse_forbidden_clauses
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens


class Kind(Enum):
    """How a statement is run."""

    RESULT = auto()  # its rows can be sent to a pipe
    INSERT_DATA = auto()  # rows follow in the request body
    DIRECT = auto()  # run as it stands; a small result, or none


# the engine chooses its own query ids; the client's is the first line of the query's log comment
QUERY_ID_EXPRESSION = "splitByChar('\\n', Settings['log_comment'])[1]"

_RESULT_WORDS = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "CHECK", "KILL"})
_TABLE_OUTPUT_WORDS = frozenset({"EXPLAIN", "VALUES", "TABLE"})
_SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})


@dataclass(frozen=True)
class Statement:
    """One statement; ``body`` is it without the FORMAT and SETTINGS clauses that end it."""

    kind: Kind
    first_word: str
    text: bytes
    body: bytes
    format: str | None
    settings: bytes

    @property
    def has_result(self) -> bool:
        """Whether the statement answers with rows, possibly none."""
        return self.kind is Kind.RESULT or self.first_word in _TABLE_OUTPUT_WORDS


@dataclass(frozen=True)
class InsertHead:
    """An INSERT whose rows follow: ``text`` without SETTINGS and FORMAT, and where in the request its rows begin."""

    text: bytes
    settings: bytes
    format: str
    data_start: int


def parse_statement(text: bytes) -> Statement:
    """Classify one whole statement.

    Raises ServerError 62 for an empty query, for several statements, 497 for
    what the guard forbids.
    """
    tokens = list(scan_tokens(text))
    tokens = _drop_end(tokens)
    if not tokens:
        raise ServerError(62, "SYNTAX_ERROR", "Empty query")
    refuse_forbidden_clauses(text, tokens)
    first = _first_word(tokens)
    last = tokens[-1].end
    if first == "INSERT" and any(token.word == "INPUT" for token in tokens):
        raise ServerError(48, "NOT_IMPLEMENTED", "The table function input is not supported: insert, then transform")
    if not _is_result(tokens, first):
        _refuse_other_mark(text, tokens, first)
        return Statement(Kind.DIRECT, first, text[:last], text[:last], _find_trailing_format(tokens, text), b"")
    body_end, format_name, settings = _split_trailing_clauses(tokens, text)
    body = _name_client_query_ids(text[:body_end], tokens) if first == "KILL" else text[:body_end]
    return Statement(Kind.RESULT, first, text[:last], body, format_name, settings)


def find_insert_head(buffer: bytes, *, is_whole: bool) -> InsertHead | None:
    """Where the rows of an INSERT begin, or None while the head has not wholly arrived (or is not one).

    ``INSERT INTO t (a, b) [SETTINGS ...] FORMAT Name`` ends at the line break after the format's name, with
    VALUES the rows begin at once. INSERT ... SELECT has no rows of its own.
    """
    depth = 0
    previous_tokens: list[Token] = []
    for token in scan_tokens(buffer):
        if token.kind is TokenKind.UNTERMINATED or (token.end == len(buffer) and not is_whole):
            return None
        if token.kind is TokenKind.OPENING:
            depth += 1
        elif token.kind is TokenKind.CLOSING:
            depth -= 1
        elif depth == 0 and token.kind is TokenKind.SEMICOLON:
            return None
        elif depth == 0 and token.kind is TokenKind.WORD and previous_tokens:
            if token.word in ("SELECT", "WITH"):
                return None
            previous = previous_tokens[-1]
            if token.word == "VALUES" and previous.word != "FORMAT" and len(previous_tokens) > 1:
                return _make_head(buffer, previous_tokens, "Values", token.end)
            if previous.word == "FORMAT" and len(previous_tokens) > 2:
                name = buffer[token.start : token.end].decode()
                return _make_head(buffer, previous_tokens[:-1], name, _start_of_data(buffer, token.end, name))
        previous_tokens.append(token)
    return None


def is_insert(buffer: bytes) -> bool:
    """Whether the first word is INSERT."""
    for token in scan_tokens(buffer):
        return token.word == "INSERT"
    return False


def _make_head(buffer: bytes, tokens: list[Token], format_name: str, data_start: int) -> InsertHead:
    """The head that ``tokens`` say, its SETTINGS apart. Raises ServerError where the guard forbids it."""
    refuse_forbidden_clauses(buffer[: tokens[-1].end], tokens)
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.kind is TokenKind.OPENING) - (token.kind is TokenKind.CLOSING)
        if depth == 0 and token.word == "SETTINGS" and _is_assignment(tokens, index + 1, buffer):
            settings = buffer[token.end : tokens[-1].end]
            return InsertHead(buffer[: token.start], settings, format_name, data_start)
    return InsertHead(buffer[: tokens[-1].end], b"", format_name, data_start)


def _start_of_data(buffer: bytes, position: int, format_name: str) -> int:
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


def _name_client_query_ids(body: bytes, tokens: list[Token]) -> bytes:
    """KILL QUERY with the clients' query ids, which the engine carries in the query's log comment."""
    for token in reversed(tokens):
        if token.word == "QUERY_ID":
            body = body[: token.start] + QUERY_ID_EXPRESSION.encode() + body[token.end :]
    return body


def _drop_end(tokens: list[Token]) -> list[Token]:
    """Without the semicolons at the end; raises where another statement follows one."""
    end = len(tokens)
    while end and tokens[end - 1].kind is TokenKind.SEMICOLON:
        end -= 1
    if any(token.kind is TokenKind.SEMICOLON for token in tokens[:end]):
        raise ServerError(
            62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one statement per request"
        )
    return tokens[:end]


def _first_word(tokens: list[Token]) -> str:
    for token in tokens:
        if token.kind is not TokenKind.OPENING:
            return token.word
    return ""


def _refuse_other_mark(text: bytes, tokens: list[Token], first: str) -> None:
    """Refuse a log comment of the statement's own: by it the server finds what it has to stop."""
    for token, following in itertools.pairwise(tokens):
        if first != "SET" and token.word == "LOG_COMMENT" and text[following.start : following.end] == b"=":
            raise ServerError(
                452,
                "SETTING_CONSTRAINT_VIOLATION",
                "Setting log_comment should not be changed inside this statement: give it in the URL",
            )


def _is_result(tokens: list[Token], first: str) -> bool:
    if first not in _RESULT_WORDS:
        return False
    if first != "WITH":
        return True
    depth = 0
    for token in tokens:
        if token.kind is TokenKind.OPENING:
            depth += 1
        elif token.kind is TokenKind.CLOSING:
            depth -= 1
        elif depth == 0 and token.word == "INSERT":
            return False
    return True


def _split_trailing_clauses(tokens: list[Token], text: bytes) -> tuple[int, str | None, bytes]:
    """Where the statement proper ends, its format's name, and the SETTINGS list beside the FORMAT clause."""
    depth = 0
    clauses: list[tuple[str, int]] = []  # the last run of FORMAT and SETTINGS clauses outside parentheses
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.OPENING:
            depth += 1
        elif token.kind is TokenKind.CLOSING:
            depth -= 1
        elif depth == 0 and token.kind is TokenKind.WORD:
            following = tokens[index + 1] if index + 1 < len(tokens) else None
            if token.word in _SET_OPERATIONS:
                clauses.clear()
            elif token.word == "FORMAT" and following and following.kind is TokenKind.WORD:
                if _ends_format_clause(tokens, index + 2):
                    clauses.append(("FORMAT", index))
            elif token.word == "SETTINGS" and _is_assignment(tokens, index + 1, text):
                clauses.append(("SETTINGS", index))
    if not clauses:
        return tokens[-1].end, None, b""
    format_name, settings = None, []
    for number, (name, index) in enumerate(clauses):
        stop = clauses[number + 1][1] if number + 1 < len(clauses) else len(tokens)
        if name == "FORMAT":
            format_name = text[tokens[index + 1].start : tokens[index + 1].end].decode()
        else:
            settings.append(text[tokens[index].end : tokens[stop - 1].end].strip())
    first = clauses[0][1]
    body_end = tokens[first - 1].end if first else 0
    return body_end, format_name, b", ".join(settings)


def _ends_format_clause(tokens: list[Token], index: int) -> bool:
    return index == len(tokens) or tokens[index].word == "SETTINGS"


def _is_assignment(tokens: list[Token], index: int, text: bytes) -> bool:
    if index + 1 >= len(tokens) or tokens[index].kind not in (TokenKind.WORD, TokenKind.QUOTED):
        return False
    return text[tokens[index + 1].start : tokens[index + 1].end] == b"="


def _find_trailing_format(tokens: list[Token], text: bytes) -> str | None:
    if len(tokens) > 2 and tokens[-2].word == "FORMAT" and tokens[-1].kind is TokenKind.WORD:
        return text[tokens[-1].start : tokens[-1].end].decode()
    return None

"""The head of an INSERT whose rows are in the request's body: the SQL before the first byte of the rows.

The grammar is that of the engine's parser (ParserInsertQuery in ClickHouse's source). The rows are never read as SQL,
so quotes, comments and semicolons in them have no meaning here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.guard import refuse_forbidden_clauses
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens

_EXPLAIN_KINDS = frozenset({"AST", "SYNTAX", "QUERY", "TREE", "PLAN", "PIPELINE", "ESTIMATE"})
_QUERY_WORDS = frozenset({"SELECT", "WITH", "FROM"})
_WORDS_AFTER_TARGET = _QUERY_WORDS | {"SETTINGS", "VALUES", "FORMAT"}
_STRING = re.compile(rb"'(?:[^'\\]++|\\.)*+'", re.DOTALL)
_UNPLAIN = re.compile(rb"--|//|/\*|[#\"`$]|\xe2\x80")  # the beginnings of comments and of quotes other than '...'
_HEREDOC_TAG = re.compile(rb"\$[A-Za-z_0-9]*\$")
_NAMES = frozenset({TokenKind.WORD, TokenKind.QUOTED})


class NoHead(Enum):
    """Why a buffer holds no head of an INSERT with rows."""

    UNDECIDED = auto()  # more of the body has to arrive first
    NO_ROWS = auto()  # the statement is complete in itself, such as SELECT or INSERT ... SELECT
    UNCLEAR = auto()  # the statement is an INSERT of an unknown form


@dataclass(frozen=True)
class InsertHead:
    """The head of an INSERT.

    ``text`` is the head without its SETTINGS and FORMAT clauses. ``data_start`` is the index of the rows' first byte.
    ``is_explained`` is true if the INSERT follows the word EXPLAIN. The engine then ignores the rows.
    """

    text: bytes
    settings: bytes
    format: str
    data_start: int
    is_explained: bool = False


def find_insert_head(buffer: bytes, *, is_complete: bool) -> InsertHead | NoHead:
    """Return the head of the INSERT in ``buffer``, or why there is none.

    The head is ``[EXPLAIN ...] [WITH ...] INSERT INTO t (a, b) [SETTINGS ...] FORMAT Name``, up to the line break after
    the format's name. With VALUES instead of FORMAT, the head ends after the word VALUES. ``is_complete`` says whether
    the complete body has arrived in ``buffer``.

    Raises ServerError

    - 62 if a semicolon directly follows the format's name,
    - 497 if the guard forbids the head, or
    - 48 if the INSERT reads its rows with the table function ``input``.
    """
    cursor = _Cursor(buffer, is_complete=is_complete)
    try:
        head = _read_statement(cursor)
    except _EndOfTextError:
        return NoHead.NO_ROWS if is_complete else NoHead.UNDECIDED
    if isinstance(head, InsertHead) and head.data_start == len(buffer) and not is_complete:
        return NoHead.UNDECIDED  # the head's line break may still arrive
    return head


def refuse_second_statement(rows: bytes) -> None:
    """Raise ServerError 62 if a semicolon and more text follow the rows of an INSERT in the Values format.

    The engine stops reading at the semicolon and would not tell the client that it ignored the rest.
    """
    rows = rows.rstrip(b"; \t\r\n")
    if b";" not in rows:
        return
    is_plain = _UNPLAIN.search(rows) is None
    if is_plain and b";" not in _STRING.sub(b"", rows):  # this is much faster than reading the tokens
        return
    tokens = list(scan_tokens(rows))
    ends = [index for index, token in enumerate(tokens) if token.kind is TokenKind.SEMICOLON]
    if ends and ends[0] + 1 < len(tokens):
        raise ServerError(
            62,
            "SYNTAX_ERROR",
            "Syntax error (Multi-statements are not allowed): a semicolon ends the rows of an INSERT",
        )


class _EndOfTextError(Exception):
    """The statement ends, or continues in a piece of the body that has not arrived."""


class _Cursor:
    """Reads the tokens of ``buffer`` one after another. Its methods raise _EndOfTextError after the last one."""

    def __init__(self, buffer: bytes, *, is_complete: bool) -> None:
        self.buffer = buffer
        self.is_complete = is_complete
        self.taken: list[Token] = []
        self._ahead: list[Token] = []
        self._scan = scan_tokens(buffer)

    def peek(self, distance: int = 0) -> Token:
        """Return the next token, or the one at ``distance`` after it, without taking it."""
        while len(self._ahead) <= distance:
            token = next(self._scan, None)
            if token is None or token.kind is TokenKind.UNTERMINATED:
                raise _EndOfTextError
            if token.end == len(self.buffer) and not self.is_complete:
                raise _EndOfTextError  # the next piece of the body may continue the token
            is_word = token.kind is TokenKind.WORD
            if is_word and not self.is_complete and _HEREDOC_TAG.match(self.buffer, token.start):
                raise _EndOfTextError  # the same tag may still arrive, and make the word a here-document
            self._ahead.append(token)
        return self._ahead[distance]

    def take(self) -> Token:
        """Return the next token, and go on to the token after it."""
        self.peek()
        self.taken.append(self._ahead.pop(0))
        return self.taken[-1]

    def take_element(self) -> None:
        """Take the next token; if it is an opening parenthesis, take all tokens up to the closing one."""
        depth = 0
        while True:
            kind = self.take().kind
            depth += (kind is TokenKind.OPENING) - (kind is TokenKind.CLOSING)
            if depth <= 0:
                return

    def take_word(self, word: str) -> bool:
        """Take the next token if it is ``word``, and return whether it was."""
        if self.peek().word != word:
            return False
        self.take()
        return True

    def writes(self, written: bytes) -> bool:
        """Return whether the next token is written as ``written``."""
        return self.peek().written_in(self.buffer) == written


def _read_statement(cursor: _Cursor) -> InsertHead | NoHead:
    if cursor.peek().word in ("WITH", "EXPLAIN") and b"insert" not in cursor.buffer.lower():
        raise _EndOfTextError  # so that the tokens of a long SELECT are not read here
    is_explained = cursor.take_word("EXPLAIN")
    if is_explained:
        _take_explain_options(cursor)
    if cursor.take_word("WITH"):
        _take_with_clause(cursor)
    if not (cursor.take_word("INSERT") and cursor.take_word("INTO")):
        return NoHead.NO_ROWS
    if not _take_target(cursor):
        return NoHead.UNCLEAR
    if cursor.peek().kind is TokenKind.OPENING:
        cursor.take_element()  # the columns, or a SELECT in parentheses
    text_end = cursor.taken[-1].end
    settings = b""
    if cursor.take_word("SETTINGS"):
        text_end = cursor.taken[-1].start
        settings = _take_settings(cursor)
    return _end_head(cursor, cursor.buffer[:text_end], settings, is_explained=is_explained)


def _take_explain_options(cursor: _Cursor) -> None:
    """Take the kind of EXPLAIN, and its settings such as ``header = 1, actions = 1``."""
    while cursor.peek().word in _EXPLAIN_KINDS:
        cursor.take()
    while cursor.peek().kind is TokenKind.WORD and cursor.peek(1).written_in(cursor.buffer) == b"=":
        for _ in range(3):
            cursor.take()
        if cursor.writes(b","):
            cursor.take()


def _take_with_clause(cursor: _Cursor) -> None:
    """Take the common table expressions up to the word SELECT or the words INSERT INTO."""
    while True:
        token, before = cursor.peek(), cursor.taken[-1].word
        if token.kind is TokenKind.SEMICOLON or (token.word == "SELECT" and before != "AS"):
            return
        if token.word == "INSERT" and cursor.peek(1).word == "INTO":
            return
        cursor.take_element()


def _take_target(cursor: _Cursor) -> bool:
    """Take the table or table function into which rows are inserted. Return False if there is none."""
    cursor.take_word("TABLE")
    if not cursor.take_word("FUNCTION"):
        return _take_table(cursor)
    if cursor.take().kind not in _NAMES or cursor.peek().kind is not TokenKind.OPENING:
        return False
    cursor.take_element()
    if cursor.take_word("PARTITION"):
        while cursor.peek().word not in _WORDS_AFTER_TARGET:
            cursor.take_element()
    return True


def _take_table(cursor: _Cursor) -> bool:
    """Take ``table`` or ``database.table``; each name may be a query parameter. Return False if a name is missing."""
    while True:
        if cursor.peek().kind not in _NAMES and not cursor.writes(b"{"):
            return False
        cursor.take_element()
        if not cursor.writes(b"."):
            return True
        cursor.take()


def _take_settings(cursor: _Cursor) -> bytes:
    """Take the assignments that follow the word SETTINGS, and return them as they are written."""
    start = cursor.taken[-1].end
    while cursor.peek().word not in _WORDS_AFTER_TARGET or cursor.taken[-1].written_in(cursor.buffer) == b"=":
        if cursor.peek().kind is TokenKind.SEMICOLON:
            break
        cursor.take_element()
    return cursor.buffer[start : cursor.taken[-1].end]


def _end_head(cursor: _Cursor, text: bytes, settings: bytes, *, is_explained: bool) -> InsertHead | NoHead:
    """Return the head that ends with VALUES or FORMAT, which the cursor has reached; a NoHead if neither follows."""
    tokens, end = list(cursor.taken), cursor.taken[-1].end
    if cursor.take_word("VALUES"):
        format_name, data_start = "Values", cursor.taken[-1].end
    elif cursor.take_word("FORMAT"):
        token = cursor.take()
        format_name = _read_format_name(cursor.buffer, token)
        data_start = _find_data_start(cursor.buffer, token.end, format_name)
    elif cursor.peek().word in _QUERY_WORDS or cursor.peek().kind is TokenKind.OPENING:
        return _read_query(cursor)
    else:
        return NoHead.UNCLEAR
    if not format_name:
        return NoHead.UNCLEAR
    refuse_forbidden_clauses(cursor.buffer[:end], tokens)
    return InsertHead(text, settings, format_name, data_start, is_explained)


def _read_query(cursor: _Cursor) -> NoHead:
    """Read the query of an INSERT ... SELECT. Raise ServerError if it reads rows that follow the statement."""
    if not cursor.is_complete:
        raise _EndOfTextError
    if b"input" in cursor.buffer.lower():
        while True:
            if cursor.take().word == "INPUT" and cursor.peek().kind is TokenKind.OPENING:
                raise ServerError(
                    48, "NOT_IMPLEMENTED", "The table function input is not supported: insert, then transform"
                )
    return NoHead.NO_ROWS


def _read_format_name(buffer: bytes, token: Token) -> str:
    """Return the name of a format, which may be quoted. The name is empty if the token is no such name."""
    written = token.written_in(buffer).decode(errors="replace")
    if token.kind is TokenKind.QUOTED and written[0] in '"`':
        return written[1:-1] if written[1:-1].isidentifier() else ""
    return written if token.kind is TokenKind.WORD else ""


def _find_data_start(buffer: bytes, position: int, format_name: str) -> int:
    """Return the index of the rows' first byte: skip blanks and one line break after the format's name."""
    if buffer[position : position + 1] == b";":
        raise ServerError(
            62, "SYNTAX_ERROR", f"You have excessive ';' symbol before data for INSERT: write FORMAT {format_name}"
        )
    if format_name.lower() == "values":
        return position
    while buffer[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    if buffer[position : position + 1] == b"\r":
        position += 1
    if buffer[position : position + 1] == b"\n":
        position += 1
    return position

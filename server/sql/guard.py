"""What SQL from a client may not say, because no grant of the engine covers it.

Measured on chDB 4.4 (engine 26.9): the scalar function ``file`` reads any file whatever the grants,
``eval`` runs a string as SQL, ``disk(...)`` makes directories and connects out, some table engines need no
grant, and INTO OUTFILE works even in readonly mode. Some table functions parse a string as SQL: ``format`` its rows,
others a table's structure with the expressions of its defaults. Everything else is closed by the configuration's
grants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trailhouse.server.engine.configuration import TABLE_ENGINES
from trailhouse.server.engine.default_database import DEFAULT_DATABASE
from trailhouse.server.errors import ServerError
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens

_DENIED_CALLS = frozenset({"EVAL", "PYTHON", "EXECUTABLE", "DISK", "FUZZJSON", "LOOP"})
# table functions whose first argument is a table's structure
_STRUCTURED_CALLS = frozenset({"GENERATERANDOM", "INPUT", "NULL", "SQLSTANDARDVALUES", "VALUES"})
_BEFORE_TABLES = frozenset({"AS", "DESC", "DESCRIBE", "EXISTS", "FROM", "FUNCTION", "IN", "JOIN", "TABLE"})
_PLAIN = frozenset({b"(", b")", b"[", b"]", b"-", b"+", b".", b"NULL", b"TRUE", b"FALSE"})
_EXPRESSION_OF_A_COLUMN = re.compile(rb"default|alias|materialized|ephemeral|\\[^'\"`\\]", re.IGNORECASE)
_DENIED_ANYWHERE = frozenset({"OUTFILE", "INFILE"})
# statements that read or write files, or manage the server
_DENIED_STATEMENTS = frozenset(
    {"BACKUP", "COPY", "EXECUTE", "GRANT", "MOVE", "RESTORE", "REVOKE", "SNAPSHOT", "SYSTEM"}
)
_CREATED_KINDS = frozenset({"DATABASE", "INDEX", "MATERIALIZED", "OR", "TABLE", "TEMPORARY", "VIEW"})
_DATABASE_ENGINES = frozenset({"ATOMIC", "MEMORY"})
_TABLE_ENGINES = frozenset(engine.upper() for engine in TABLE_ENGINES)
_SUSPICIOUS = re.compile(
    rb"file|eval|python|executable|disk|engine|fuzz|random|\\[^'\"`\\]"
    rb"|(?:format|input|null|values)(?:[\"`\s]|\xe2\x80\x9d)*(?:\(|--|/[*/]|\#)",
    re.IGNORECASE,
)
_STRANGE_ESCAPE = re.compile(rb"\\[^'\"`\\]")
# with these, rows in the Values format are no SQL
ONLY_LITERALS = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}


def refuse_forbidden_clauses(text: bytes, tokens: Sequence[Token]) -> None:
    """Raise ServerError where the statement reaches for the server's files, other hosts or hidden SQL."""
    for token in tokens:
        if token.kind is TokenKind.UNTERMINATED:
            raise ServerError(62, "SYNTAX_ERROR", "A quote, comment or here-document is not closed")
    first = tokens[0].word if tokens else ""
    second = tokens[1].word if len(tokens) > 1 else ""
    if first in _DENIED_STATEMENTS or (first == "CREATE" and second not in _CREATED_KINDS):
        raise _denied(f"{first} {second}".strip())
    if first in ("DROP", "DETACH", "RENAME") and second == "DATABASE":
        names = [identifier_name(text, token) for token in tokens]
        if DEFAULT_DATABASE.upper() in names:
            raise _denied(f"{first} DATABASE {DEFAULT_DATABASE}, which every connection starts in,")
    if first == "ATTACH" and any(token.word == "FROM" for token in tokens):
        raise _denied("ATTACH ... FROM")
    if first in ("CREATE", "ATTACH", "REPLACE"):
        _refuse_engines(text, tokens)
    for index, token in enumerate(tokens):
        name = identifier_name(text, token)
        if not name:
            continue
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        is_call = following is not None and text[following.start : following.end] == b"("
        if token.word in _DENIED_ANYWHERE:
            raise _denied("INTO OUTFILE and FROM INFILE")
        if token.word == "PARALLEL" and following is not None and following.word == "WITH":
            raise _denied("PARALLEL WITH")
        if name == "FILE" and not _follows_dot(text, tokens, index):
            raise _denied("the name `file` (it is a function that reads files; write a column as `table.file`)")
        if is_call and name in _DENIED_CALLS:
            raise _denied(f"the function {name.lower()}")
        if is_call and name == "FORMAT" and not _is_pattern(text, tokens[index + 2 : index + 4]):
            raise _denied("the table function format (and the function format without a pattern as it stands)")
        if is_call and name in _STRUCTURED_CALLS:
            _refuse_computed_structure(text, tokens, index)


def needs_second_opinion(text: bytes) -> bool:
    """Whether the engine's own parser should confirm what our lexer saw.

    True where a word that matters stands in the bytes at all, even inside what looks like a quote.
    """
    return _SUSPICIOUS.search(text) is not None


def refuse_forbidden_values(data: bytes) -> None:
    """Refuse rows of the Values format whose expressions reach for files; they are SQL that the engine runs."""
    if _SUSPICIOUS.search(data) is not None:
        refuse_forbidden_clauses(data, list(scan_tokens(data)))


def identifier_name(text: bytes, token: Token) -> str:
    """The upper-case name a token stands for, quoted or not; empty where it is no identifier."""
    if token.kind is TokenKind.WORD:
        return token.word
    if token.kind is not TokenKind.QUOTED:
        return ""
    quoted = text[token.start : token.end]
    if quoted[:1] in (b'"', b"`"):
        if _STRANGE_ESCAPE.search(quoted):
            raise _denied("escape sequences in quoted names")
        return quoted[1:-1].decode(errors="replace").upper()
    if quoted.startswith(b"\xe2\x80\x9c"):
        return quoted[3:-3].decode(errors="replace").upper()
    return ""


def _is_pattern(text: bytes, argument: Sequence[Token]) -> bool:
    """Whether a call of ``format`` begins with a pattern, so that it is the function and not the table function."""
    if len(argument) < 2 or argument[0].kind is not TokenKind.QUOTED:
        return False
    literal, end = (text[token.start : token.end] for token in argument)
    return literal[:1] in (b"'", b"$") and b"{" in literal and end in (b",", b")")


def _refuse_computed_structure(text: bytes, tokens: Sequence[Token], index: int) -> None:
    """Refuse a structure that is no literal, or whose columns have expressions: the engine runs them."""
    name = identifier_name(text, tokens[index]).lower()
    before = text[tokens[index - 1].start : tokens[index - 1].end].upper() if index else b""
    is_table = name != "values" or before == b"," or before.decode(errors="replace") in _BEFORE_TABLES
    for token in _first_argument(text, tokens, index + 2):
        written = text[token.start : token.end]
        if _EXPRESSION_OF_A_COLUMN.search(written) is not None:
            raise _denied(f"a structure with expressions in the table function {name}")
        is_literal = (token.kind is TokenKind.QUOTED and written[:1] in (b"'", b"$")) or written[:1].isdigit()
        if is_table and not is_literal and written.upper() not in _PLAIN:
            raise _denied(f"a computed structure in the table function {name}")


def _first_argument(text: bytes, tokens: Sequence[Token], start: int) -> Iterator[Token]:
    """The tokens up to the comma or the parenthesis that ends the argument."""
    depth = 0
    for token in tokens[start:]:
        if depth == 0 and (token.kind is TokenKind.CLOSING or text[token.start : token.end] == b","):
            return
        if depth == 1 and text[token.start : token.end] == b",":
            return  # a row of several values is no structure
        depth += (token.kind is TokenKind.OPENING) - (token.kind is TokenKind.CLOSING)
        yield token


def _refuse_engines(text: bytes, tokens: Sequence[Token]) -> None:
    allowed = _DATABASE_ENGINES if _creates_database(tokens) else _TABLE_ENGINES
    for index, token in enumerate(tokens):
        if token.word == "SELECT":
            return
        if token.word != "ENGINE" or index + 1 >= len(tokens):
            continue
        named = index + 1
        if text[tokens[named].start : tokens[named].end] == b"=" and named + 1 < len(tokens):
            named += 1
        elif tokens[named].kind is not TokenKind.WORD:
            continue  # a column called engine
        if identifier_name(text, tokens[named]) not in allowed and not _is_column(text, tokens, index):
            raise _denied(f"the engine {text[tokens[named].start : tokens[named].end].decode(errors='replace')}")


def _is_column(text: bytes, tokens: Sequence[Token], index: int) -> bool:
    """Whether the word ENGINE at ``index`` names a column: inside the list of columns, never after it."""
    before = text[tokens[index - 1].start : tokens[index - 1].end]
    after = text[tokens[index + 1].start : tokens[index + 1].end]
    return before in (b"(", b",") and after != b"="


def _creates_database(tokens: Sequence[Token]) -> bool:
    return any(token.word == "DATABASE" for token in tokens[1:4])


def _follows_dot(text: bytes, tokens: Sequence[Token], index: int) -> bool:
    return index > 0 and text[tokens[index - 1].start : tokens[index - 1].end] == b"."


def _denied(what: str) -> ServerError:
    return ServerError(497, "ACCESS_DENIED", f"Not enough privileges: {what} cannot be used over HTTP")

"""The guard refuses SQL that accesses files or other hosts, or runs SQL hidden in a string.

The grants in ``engine/roles.py`` forbid most such SQL. Tests with chDB 4.4 (engine 26.9) showed that the grants
do not forbid the following SQL, so the guard refuses it:

- The scalar function ``file`` reads any file, and ``eval`` runs a string as SQL.
- ``disk(...)`` makes directories and connects to hosts.
- Some table engines need no grant.
- INTO OUTFILE writes a file even in readonly mode.
- Some table functions parse a string as SQL: ``format`` parses rows, and other functions parse the structure of a
  table, in which columns may have default expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.allowed_engines import DATABASE_ENGINES, TABLE_ENGINES
from trailhouse.server.sql.lexer import Token, TokenKind, scan_tokens
from trailhouse.server.sql.refusals import REASONS, forbid

DEFAULT_DATABASE = "default"  # every connection starts in this database, so it may not be dropped

_FORBIDDEN_FUNCTIONS = frozenset({"EVAL", "PYTHON", "EXECUTABLE", "DISK", "FUZZJSON", "LOOP"})
# names that a parameter may not put in the place of a name, for example in arrayMap({f:Identifier}, ['x'])
HIDDEN_NAMES = _FORBIDDEN_FUNCTIONS | {"FILE"}
# table functions whose first argument is the structure of a table, for example 'a Int32, b String'
_STRUCTURE_FUNCTIONS = frozenset({"GENERATERANDOM", "INPUT", "NULL", "SQLSTANDARDVALUES", "VALUES"})
_WORDS_BEFORE_TABLES = frozenset({"AS", "DESC", "DESCRIBE", "EXISTS", "FROM", "FUNCTION", "IN", "JOIN", "TABLE"})
# tokens that may stand between the literals in the structure argument of a table function, as in [1, -2.5, NULL]
_STRUCTURE_TOKENS = frozenset({b"(", b")", b"[", b"]", b"-", b"+", b".", b"NULL", b"TRUE", b"FALSE"})
_COLUMN_EXPRESSION = re.compile(rb"default|alias|materialized|ephemeral|\\[^'\"`\\]", re.IGNORECASE)
# statements that read or write files, or manage the server
_FORBIDDEN_STATEMENTS = frozenset(
    {"BACKUP", "COPY", "EXECUTE", "GRANT", "MOVE", "RESTORE", "REVOKE", "SNAPSHOT", "SYSTEM"}
)
_CREATED_KINDS = frozenset({"DATABASE", "INDEX", "MATERIALIZED", "OR", "TABLE", "TEMPORARY", "VIEW"})
_TABLE_ENGINE_NAMES = frozenset(engine.upper() for engine in TABLE_ENGINES)
_DATABASE_ENGINE_NAMES = frozenset(engine.upper() for engine in DATABASE_ENGINES)
_SUSPICIOUS = re.compile(
    rb"file|eval|python|executable|disk|engine|fuzz|random|\\[^'\"`\\]"
    rb"|(?:format|input|null|values)(?:[\"`\s]|[\x80-\xff])*(?:\(|--|/[*/]|\#)",
    re.IGNORECASE,
)
_STRAY = re.compile(rb"[^\x20-\x7e]")
_UNUSUAL_ESCAPE = re.compile(rb"\\[^'\"`\\]")
# With these settings, rows in the Values format may hold literals, but no SQL expressions.
ONLY_LITERALS = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}


def refuse_forbidden_clauses(text: bytes, tokens: Sequence[Token]) -> None:
    """Raise ServerError if the guard forbids the statement ``text``, or if a quote or comment in it is not closed.

    ``tokens`` are all tokens of ``text``.
    """
    if any(token.kind is TokenKind.UNTERMINATED for token in tokens):
        raise ServerError(62, "SYNTAX_ERROR", "A quote, comment or here-document is not closed")
    _refuse_stray_characters(text, tokens)
    _refuse_kind_of_statement(text, tokens)
    checked_end = 0  # the end of the first arguments that have been checked
    for index, token in enumerate(tokens):
        name = read_identifier(text, token)
        if name:
            _refuse_clause(tokens, index)
            checked_end = max(checked_end, _refuse_function(text, tokens, index, name, checked_end))


def _refuse_stray_characters(text: bytes, tokens: Sequence[Token]) -> None:
    """Refuse characters that SQL has only in quotes.

    Otherwise, the engine could take such a character for white space and find words that the lexer does not find.
    """
    for token in tokens:
        if token.kind is TokenKind.OTHER and _STRAY.fullmatch(token.written_in(text)):
            byte = text[token.start]
            raise ServerError(
                62, "SYNTAX_ERROR", f"Syntax error: failed at position {token.start + 1} (byte 0x{byte:02X})"
            )


def mentions_forbidden_word(text: bytes) -> bool:
    """Return whether the bytes contain, even inside a quote, a word that the guard forbids in some contexts.

    A statement with such a word is checked twice: as the client wrote it, and as the engine's parser writes it. Both
    checks are needed because this parser may split the statement into other tokens than Trailhouse's lexer does.
    """
    return _SUSPICIOUS.search(text) is not None


def refuse_forbidden_values(data: bytes) -> None:
    """Raise ServerError if rows in the Values format call a forbidden function.

    The engine runs SQL expressions that rows in the Values format contain. ``data`` holds the rows.
    """
    if mentions_forbidden_word(data):
        refuse_forbidden_clauses(data, list(scan_tokens(data)))


def refuse_hidden_names(parameters: Mapping[str, str], names: Set[str] = HIDDEN_NAMES) -> None:
    """Raise ServerError 497 if a parameter has one of the names as its value.

    Call this function if the statement may have parameters of the type Identifier, whose values are names.
    """
    for parameter, value in parameters.items():
        if value.upper() in names:
            raise forbid(f"the parameter {parameter} with the value {value.lower()}", REASONS["a parameter"])


def has_name_parameter(text: bytes) -> bool:
    """Return whether the statement may have a parameter of the type Identifier."""
    return b"identifier" in text.lower()


def read_identifier(text: bytes, token: Token) -> str:
    """Return the name of an identifier in upper case, without quotation marks; empty if the token is no identifier.

    Raises ServerError if a quoted name has escape sequences, because the guard cannot decode them as the engine does.
    """
    if token.kind is TokenKind.WORD:
        return token.word
    if token.kind is not TokenKind.QUOTED:
        return ""
    quoted = token.written_in(text)
    if quoted[:1] in (b'"', b"`"):
        if _UNUSUAL_ESCAPE.search(quoted):
            raise forbid("escape sequences in quoted names", REASONS["escapes"])
        return quoted[1:-1].decode(errors="replace").upper()
    if quoted.startswith(b"\xe2\x80\x9c"):
        return quoted[3:-3].decode(errors="replace").upper()
    return ""


def _refuse_kind_of_statement(text: bytes, tokens: Sequence[Token]) -> None:
    first = tokens[0].word if tokens else ""
    second = tokens[1].word if len(tokens) > 1 else ""
    if first in _FORBIDDEN_STATEMENTS or (first == "CREATE" and second not in _CREATED_KINDS):
        raise forbid(f"{first} {second}".strip(), REASONS.get(f"{first} {second}") or REASONS.get(first, ""))
    if first == "CREATE" and second == "OR" and (kind := _find_created_kind(tokens)) not in _CREATED_KINDS:
        raise forbid(f"CREATE {kind}", REASONS.get(f"CREATE {kind}", ""))
    if first == "SET" and second in ("ROLE", "DEFAULT"):  # the role of a handle decides what its user may do
        raise forbid(f"SET {second}", REASONS[f"SET {second}"])
    if first == "SET":
        refuse_hidden_names(dict(_read_set_parameters(text, tokens)))
    if tokens and has_name_parameter(text) and _takes_name_in_view(tokens):
        raise forbid("a parameter of the type Identifier in the query of a view", REASONS["a parameter"])
    if first in ("ALTER", "DROP") and (reason := REASONS.get(f"CREATE {second}")):
        raise forbid(f"{first} {second}", reason)
    removes_database = first in ("DROP", "DETACH", "RENAME") and second == "DATABASE"
    if removes_database and DEFAULT_DATABASE.upper() in [read_identifier(text, token) for token in tokens]:
        raise forbid(f"{first} DATABASE {DEFAULT_DATABASE}, which every connection starts in,")
    if first == "ATTACH" and any(token.word == "FROM" for token in tokens):
        raise forbid("ATTACH ... FROM", REASONS["ATTACH ... FROM"])
    if first in ("CREATE", "ATTACH", "REPLACE"):
        _refuse_engines(text, tokens)


def _read_set_parameters(text: bytes, tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Yield the names and the literals of the query parameters that SET assigns."""
    for name, equals, value in zip(tokens[1:], tokens[2:], tokens[3:], strict=False):
        identifier = read_identifier(text, name)
        if identifier.startswith("PARAM_") and equals.written_in(text) == b"=":
            yield identifier.lower(), value.written_in(text).decode(errors="replace").strip("'")


def _takes_name_in_view(tokens: Sequence[Token]) -> bool:
    """Return whether a statement defines a view, and has a parameter of the type Identifier in the view's query."""
    words = [token.word for token in tokens]
    defines = (words[0] in ("CREATE", "ATTACH", "REPLACE") and "VIEW" in words[1:6]) or (
        words[0] == "ALTER" and "QUERY" in words
    )
    return defines and "SELECT" in words and "IDENTIFIER" in words[words.index("SELECT") :]


def _find_created_kind(tokens: Sequence[Token]) -> str:
    """Return the kind of object that CREATE OR REPLACE creates, such as TABLE."""
    return next((token.word for token in tokens[3:] if token.word != "TEMPORARY"), "")


def _refuse_clause(tokens: Sequence[Token], index: int) -> None:
    word = tokens[index].word
    if word in ("OUTFILE", "INFILE"):
        raise forbid("INTO OUTFILE and FROM INFILE", REASONS["INTO OUTFILE and FROM INFILE"])
    if word == "PARALLEL" and index + 1 < len(tokens) and tokens[index + 1].word == "WITH":
        raise forbid("PARALLEL WITH", REASONS["PARALLEL WITH"])


def _refuse_function(text: bytes, tokens: Sequence[Token], index: int, name: str, checked_end: int) -> int:
    """Refuse a call of a forbidden function. Return the index at which its checked argument ends; 0 if it has none.

    The first arguments before the token ``checked_end`` have been checked for expressions.
    """
    is_qualified = index > 0 and tokens[index - 1].written_in(text) == b"."
    if name == "FILE" and not is_qualified:  # a function can be used without parentheses: arrayMap(file, ...)
        raise forbid("the name `file` (it is a function that reads files; write a column as `table.file`)")
    if index + 1 >= len(tokens) or tokens[index + 1].written_in(text) != b"(":
        return 0
    if name in _FORBIDDEN_FUNCTIONS:
        raise forbid(f"the function {name.lower()}", REASONS["a function"])
    if name == "FORMAT" and not _begins_with_pattern(text, tokens[index + 2 : index + 4]):
        raise forbid(
            "the table function format (and the scalar function format, unless its pattern is a literal)",
            REASONS["format"],
        )
    return _refuse_computed_structure(text, tokens, index, checked_end) if name in _STRUCTURE_FUNCTIONS else 0


def _begins_with_pattern(text: bytes, arguments: Sequence[Token]) -> bool:
    """Return whether the first argument of a call of ``format`` is a pattern such as '{}'.

    Such a call means the harmless scalar function ``format``, and not the table function ``format``.
    """
    if len(arguments) < 2 or arguments[0].kind is not TokenKind.QUOTED:
        return False
    literal, after = (token.written_in(text) for token in arguments)
    return literal[:1] in (b"'", b"$") and b"{" in literal and after in (b",", b")")


def _refuse_computed_structure(text: bytes, tokens: Sequence[Token], index: int, checked_end: int) -> int:
    """Refuse a table structure that is computed or has default expressions. The engine would run its expressions.

    Return the index at which the structure ends.
    """
    name = read_identifier(text, tokens[index]).lower()
    before = tokens[index - 1].written_in(text).upper() if index else b""
    # VALUES is a table function only after a comma or a word such as FROM; elsewhere it begins the rows of an INSERT
    is_table = name != "values" or before == b"," or before.decode(errors="replace") in _WORDS_BEFORE_TABLES
    if not is_table and index < checked_end:
        return checked_end  # the argument around this call has been checked; checking it again takes quadratic time
    end = index
    for position, token in _read_first_argument(text, tokens, index + 2):
        end, written = position + 1, token.written_in(text)
        if _COLUMN_EXPRESSION.search(written) is not None:
            raise forbid(f"a structure with expressions in the table function {name}", REASONS["a structure"])
        is_literal = (token.kind is TokenKind.QUOTED and written[:1] in (b"'", b"$")) or written[:1].isdigit()
        is_call = token.kind is TokenKind.WORD and tokens[end : end + 1] and tokens[end].kind is TokenKind.OPENING
        if is_table and not is_literal and (is_call or written.upper() not in _STRUCTURE_TOKENS):
            raise forbid(f"a computed structure in the table function {name}", REASONS["a structure"])
    return end


def _read_first_argument(text: bytes, tokens: Sequence[Token], start: int) -> Iterator[tuple[int, Token]]:
    """Yield the tokens of a function's first argument with their indices, up to the comma or parenthesis after it."""
    depth = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        is_comma = token.written_in(text) == b","
        if depth == 0 and (token.kind is TokenKind.CLOSING or is_comma):
            return
        if depth == 1 and is_comma:
            return  # the argument is a row of several values, so it is no structure
        depth += (token.kind is TokenKind.OPENING) - (token.kind is TokenKind.CLOSING)
        yield index, token


def _refuse_engines(text: bytes, tokens: Sequence[Token]) -> None:
    creates_database = any(token.word == "DATABASE" for token in tokens[1:4])
    allowed = _DATABASE_ENGINE_NAMES if creates_database else _TABLE_ENGINE_NAMES
    for index, token in enumerate(tokens):
        if token.word == "SELECT":
            return
        if token.word != "ENGINE" or index + 1 >= len(tokens):
            continue
        name = index + 1
        if tokens[name].written_in(text) == b"=" and name + 1 < len(tokens):
            name += 1
        elif tokens[name].kind is not TokenKind.WORD:
            continue  # engine is the name of a column here
        if read_identifier(text, tokens[name]) not in allowed and not _is_column(text, tokens, index):
            engine = tokens[name].written_in(text).decode(errors="replace")
            raise forbid(f"the engine {engine}", REASONS["an engine"])


def _is_column(text: bytes, tokens: Sequence[Token], index: int) -> bool:
    """Return whether the word ENGINE at ``index`` is the name of a column.

    The word is the name of a column if ``(`` or ``,`` precedes it and no ``=`` follows it.
    """
    before, after = tokens[index - 1].written_in(text), tokens[index + 1].written_in(text)
    return before in (b"(", b",") and after != b"="

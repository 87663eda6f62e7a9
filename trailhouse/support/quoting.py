"""This module quotes names and values for SQL statements that take no parameters, such as DDL statements."""

from __future__ import annotations

_ESCAPES = str.maketrans({"\\": "\\\\", "\0": "\\0"})


def quote_identifier(*names: str) -> str:
    """Quote the name of a database, table or column for SQL. Several names are quoted and joined by dots."""
    return ".".join("`" + name.translate(_ESCAPES).replace("`", "\\`") + "`" for name in names)


def quote_literal(value: str | int) -> str:
    """Write a string or an integer as a SQL literal."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.translate(_ESCAPES).replace("'", "\\'") + "'"

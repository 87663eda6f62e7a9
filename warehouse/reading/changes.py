"""This module says what an SQL statement changes, before the statement is run."""

from __future__ import annotations

import re

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.reading.query import strip_comments

_NAME = r"(?:`[^`]+`|\"[^\"]+\"|\w+)"
# A statement that changes tables: its verb, and the table or database that it names first.
_CHANGE = re.compile(
    r"\A(?P<verb>drop|truncate|detach|alter|insert|delete|update|optimize|create|rename|exchange|attach|undrop)\b"
    r"(?:\s+(?:into|from|temporary|or|replace|materialized|all|tables))*"
    r"(?:\s+(?P<kind>table|tables|view|database|function))?"
    r"(?:\s+if\s+(?:not\s+)?exists)?"
    rf"\s+(?P<name>{_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE,
)
_EFFECTS = {
    "drop": "removes",
    "truncate": "removes every row of",
    "detach": "detaches",
    "alter": "changes",
    "insert": "adds rows to",
    "delete": "removes rows of",
    "update": "changes rows of",
    "optimize": "merges the parts of",
    "create": "creates",
    "attach": "attaches",
    "undrop": "restores",
    "rename": "renames",
    "exchange": "exchanges",
}


def describe_change(client: Client, sql: str) -> str:
    """Return a sentence about what the statement changes, such as ``removes table raw_token with 7 rows``.

    The sentence names the table or the database that the statement names first, with its rows. The rest of the
    statement is not analysed. Other statements may change anything.
    """
    match = _CHANGE.match(" ".join(strip_comments(sql).split()))
    if match is None:
        return "may change anything that the user of the warehouse may change"
    names = [part.strip('`"') for part in re.findall(_NAME, match["name"])]
    effect = _EFFECTS[match["verb"].lower()]
    if (match["kind"] or "").lower() == "database":
        return f"{effect} database {names[-1]}{count_rows_of_database(client, names[-1])}"
    shown = ".".join(names)
    return f"{effect} {(match['kind'] or 'table').lower()} {shown}{count_rows_of_table(client, names)}"


def count_rows_of_database(client: Client, database: str) -> str:
    """Return the numbers of tables and rows of a database, as the end of a sentence."""
    tables, rows = read_row(
        client,
        "select count(), sum(total_rows) from system.tables where database = {database:String}",
        {"database": database},
    )
    return f" with {tables} tables and {rows or 0} rows" if tables else ""


def count_rows_of_table(client: Client, names: list[str]) -> str:
    """Return the number of rows of a table as the end of a sentence; empty if the table does not exist.

    ``names`` is the name of the table, after the name of its database if that is given.
    """
    quoted = quote_identifier(*names)
    if not read_row(client, f"exists table {quoted}")[0]:
        return ""
    return f" with {read_row(client, f'select count() from {quoted}')[0]} rows"

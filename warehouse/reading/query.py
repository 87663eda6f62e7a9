"""This module reads the warehouse: it runs ad-hoc SQL, and returns mart columns, table sizes and scored models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import read_row

# With these settings, text columns arrive as Arrow strings, not as binary or dictionary columns.
ARROW_SETTINGS = {
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 0,
}

# First words of statements that return rows.
READING_WORDS = frozenset({"select", "with", "show", "describe", "desc", "explain", "exists", "values"})
COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)


# First words of statements that change something.
WRITING_WORDS = frozenset(
    {"alter", "attach", "create", "delete", "detach", "drop", "exchange", "grant", "insert", "kill", "optimize"}
    | {"rename", "replace", "revoke", "system", "truncate", "undrop", "update"}
)
# The engine's errors about a statement that a user who only reads may not run
WRITING_ERRORS = ("READONLY", "ACCESS_DENIED")


def run_sql(client: Client, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
    """Run one SQL statement and return its rows. If the statement returns no rows, return a table without columns.

    Raises BadInputError with the engine's message if the engine refuses the statement.
    """
    text = sql.strip().rstrip(";")
    try:
        if read_first_word(text) in READING_WORDS:
            return client.query_arrow(text, parameters=dict(parameters or {}), settings=ARROW_SETTINGS)
        client.command(text, parameters=dict(parameters or {}))
    except DatabaseError as error:
        hint = "correct the SQL"
        if any(name in str(error) for name in WRITING_ERRORS):
            hint = "`trailhouse sql --write` runs it as the user who may write"
        raise BadInputError(f"the warehouse refused the statement: {first_line(error)}", hint) from error
    return pa.table({})


def is_writing(sql: str) -> bool:
    """Return whether the first word of the statement says that it changes something.

    Other statements may change something, too, for example ``with ... insert``. Raises BadInputError if it is empty.
    """
    return read_first_word(sql) in WRITING_WORDS


def read_first_word(sql: str) -> str:
    """Return the first word of the statement in lower case. Raises BadInputError if the statement is empty."""
    first_word = strip_comments(sql).split(None, 1)[:1]
    if not first_word:
        raise BadInputError("the statement is empty", "give one SQL statement")
    return first_word[0].lower()


def strip_comments(sql: str) -> str:
    """Return the statement without the spaces, comments and parentheses before its first word."""
    return COMMENTS.sub("", sql)


def first_line(error: Exception) -> str:
    """Return the message of an engine's error on one line, without the engine's version and stack trace."""
    text = str(error).partition("server response: ")[2] or str(error)
    text = text.partition("(version ")[0]
    return " ".join(text.split())


def read_columns(
    client: Client,
    table: str,
    columns: Sequence[str],
    equals: Mapping[str, str | int] | None = None,
    *,
    only_latest: bool = False,
) -> pa.Table:
    """Return ``columns`` of a table or mart. The rows are ordered by these columns.

    ``equals`` maps columns to values and selects the rows with these values. ``only_latest`` reads only the latest row
    of each key of a ReplacingMergeTree table.

    Raises BadInputError if the table does not exist.
    """
    names = ", ".join(quote_identifier(column) for column in columns)
    conditions = [
        f"{quote_identifier(column)} = {{{column}:{sql_type(value)}}}" for column, value in (equals or {}).items()
    ]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    final = " final" if only_latest else ""
    if not read_row(client, f"exists table {quote_identifier(table)}")[0]:
        raise BadInputError(f"the warehouse has no table {table}", "run `trailhouse transform`")
    return client.query_arrow(
        f"select {names} from {quote_identifier(table)}{final}{where} order by {names}",
        parameters=dict(equals or {}),
        settings=ARROW_SETTINGS,
    )


def read_models_by_size(client: Client, database: str) -> list[tuple[str, str]]:
    """Return the suite and the name of every model in the marts, those of a suite by ascending number of parameters.

    Suites come in the order in which their first checkpoints were registered, so that a new suite comes after the
    others, and published suites come last. The list is empty if the marts of the database were never derived.
    ``client`` may be connected to another database.
    """
    marts = ("dim_model", "dim_published_model", "dim_phase_model", "dim_checkpoint")
    model, published, of_phases, checkpoint = (f"{quote_identifier(database)}.{name}" for name in marts)
    if not all(read_row(client, f"exists table {table}")[0] for table in (model, published, of_phases, checkpoint)):
        return []
    columns = "toString(suite_id) as suite_id, toString(model_id) as model_id, parameter_count"
    rows = client.query(
        f"select suite_id, model_id from (select {columns}, false as is_published from {model}"
        f" union all select {columns}, true from {published}"
        f" union all select {columns}, true from {of_phases} where is_published) as model"
        f" left join (select toString(suite_id) as suite_id, min(discovered_at) as first_at from {checkpoint}"
        " group by suite_id) as suite using (suite_id)"
        " order by is_published, first_at, suite_id, parameter_count, model_id"
    ).result_rows
    return [(str(suite_id), str(model_id)) for suite_id, model_id in rows]


def has_models(client: Client, database: str) -> bool:
    """Return whether the marts of the database hold a model of its raw tables; False if they were never derived.

    ``client`` may be connected to another database.
    """
    table = f"{quote_identifier(database)}.dim_model"
    if not read_row(client, f"exists table {table}")[0]:
        return False
    return bool(read_row(client, f"select count() > 0 from {table}")[0])


def sql_type(value: str | int) -> str:
    """Return the ClickHouse type of a query parameter."""
    return "Int64" if isinstance(value, int) else "String"


@dataclass(frozen=True)
class TableSize:
    """The number of rows of one table, and its compressed size in bytes."""

    table: str
    row_count: int
    size_bytes: int


def read_table_sizes(client: Client) -> list[TableSize]:
    """Return the sizes of all tables of the database, ordered by name."""
    rows = client.query(
        "select table, toInt64(sum(rows)), toInt64(sum(bytes_on_disk)) from system.parts"
        " where active and database = currentDatabase() group by table order by table"
    ).result_rows
    return [TableSize(*row) for row in rows]


def count_damaged_checkpoints(client: Client) -> int:
    """Return the number of registered checkpoints that are damaged."""
    return int(read_row(client, "select count() from raw_checkpoint final where audit_status not in ('', 'ok')")[0])

"""What a table holds, in two numbers: its rows, and a hash of them that does not depend on their order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import read_row


@dataclass(frozen=True)
class TableDigest:
    """Rows of a table and the sum, modulo 2^64, of their hashes: equal for equal content, however it is stored."""

    row_count: int
    content_hash: int


def list_stored_tables(client: Client) -> dict[str, str]:
    """Tables of the database that hold rows, with their engine; staging tables are left out."""
    rows = client.query(
        "select name, engine from system.tables where database = currentDatabase() and engine like '%MergeTree'"
        " and not startsWith(name, 'stage_') order by name"
    ).result_rows
    return {str(name): str(engine) for name, engine in rows}


def list_stored_columns(client: Client, table: str) -> list[str]:
    """Columns of a table that are stored, in order."""
    rows = client.query(
        "select name from system.columns where database = currentDatabase() and table = {table:String}"
        " and default_kind not in ('ALIAS', 'MATERIALIZED', 'EPHEMERAL') order by position",
        parameters={"table": table},
    ).result_rows
    return [str(name) for (name,) in rows]


def final_clause(engine: str) -> str:
    """Reads the latest row of each key, where the engine keeps earlier ones until it merges them away."""
    return " final" if engine.endswith("ReplacingMergeTree") else ""


def read_digest(client: Client, table: str, engine: str, ignored: Collection[str] = ()) -> TableDigest:
    """Digest of a table over its stored columns but the ``ignored`` ones."""
    columns = [name for name in list_stored_columns(client, table) if name not in ignored]
    # in a tuple, because a hash of several arguments is null where one of them is
    hashed = f"cityHash64(tuple({', '.join(quote_identifier(name) for name in columns)}))"
    row = read_row(client, f"select count(), sum({hashed}) from {quote_identifier(table)}{final_clause(engine)}")
    return TableDigest(int(row[0]), int(row[1]))

"""This module computes the digest of a table, which consists of the number of rows and a hash of the rows.

The hash does not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.partition_load import STAGING_PREFIX

_MODULUS = 1 << 64


@dataclass(frozen=True)
class TableDigest:
    """Number of rows, and the sum of the rows' hashes modulo 2^64. Tables with equal rows have equal digests."""

    row_count: int
    content_hash: int


def list_stored_tables(client: Client) -> dict[str, str]:
    """Return the engines of the tables that store rows, by table name. Staging tables are left out."""
    rows = client.query(
        "select name, engine from system.tables where database = currentDatabase() and engine like '%MergeTree'"
        " and not startsWith(name, {prefix:String}) order by name",
        parameters={"prefix": STAGING_PREFIX},
    ).result_rows
    return {str(name): str(engine) for name, engine in rows}


def list_stored_columns(client: Client, table: str) -> list[str]:
    """Return the stored columns of a table, in order. Computed columns are left out."""
    rows = client.query(
        "select name from system.columns where database = currentDatabase() and table = {table:String}"
        " and default_kind not in ('ALIAS', 'MATERIALIZED', 'EPHEMERAL') order by position",
        parameters={"table": table},
    ).result_rows
    return [str(name) for (name,) in rows]


def final_clause(engine: str) -> str:
    """Return the keyword `` final`` for a ReplacingMergeTree table, and an empty string for any other table.

    A ReplacingMergeTree table may still hold earlier rows of a key. The keyword leaves them out.
    """
    return " final" if engine.endswith("ReplacingMergeTree") else ""


def read_digest(client: Client, table: str, engine: str, ignored: Collection[str] = ()) -> TableDigest:
    """Return the digest of a table over all stored columns that are not in ``ignored``."""
    hashed = _hash_columns([name for name in list_stored_columns(client, table) if name not in ignored])
    row = read_row(client, f"select count(), sum({hashed}) from {quote_identifier(table)}{final_clause(engine)}")
    return TableDigest(int(row[0]), int(row[1]))


def read_partition_digests(client: Client, table: str, partition_ids: Collection[str]) -> dict[str, TableDigest]:
    """Return the digests of partitions of a table over all stored columns, by the id of the partition.

    The table is not a ReplacingMergeTree table, whose partitions may share keys.
    """
    rows = client.query(
        f"select _partition_id, count(), sum({_hash_columns(list_stored_columns(client, table))})"
        f" from {quote_identifier(table)} where _partition_id in {{partition_ids:Array(String)}} group by 1",
        parameters={"partition_ids": list(partition_ids)},
    ).result_rows
    return {str(partition_id): TableDigest(int(count), int(content_hash)) for partition_id, count, content_hash in rows}


def add_digests(digests: Iterable[TableDigest]) -> TableDigest:
    """Return the digest of a table from the digests of its partitions."""
    row_count, content_hash = 0, 0
    for digest in digests:
        row_count += digest.row_count
        content_hash += digest.content_hash
    return TableDigest(row_count, content_hash % _MODULUS)


def _hash_columns(columns: Collection[str]) -> str:
    # The tuple is needed because cityHash64 of several arguments is null if one of them is null.
    return f"cityHash64(tuple({', '.join(quote_identifier(name) for name in columns)}))"

"""This module loads many rows into a staging table, which then replaces one partition of a table in one step.

create staging table -> insert batches -> check the count -> replace partition -> drop staging table

If a load is killed before the partition is replaced, readers see no change. If a load is killed later, all of its rows
are stored. In both cases the load can be repeated.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import answering_patiently, answering_promptly, read_row
from trailhouse.warehouse.schema.cluster import LOCAL_SUFFIX, ShardedTable, find_sharded_table

STAGING_PREFIX = "stage_"
# If a staging table is older than this, the load that created it is assumed to be killed.
STAGING_LIFETIME_HOURS = 24
# On a cluster, distributed_foreground_insert makes an insert return only when the shards have stored the rows.
LOAD_SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 1, "distributed_foreground_insert": 1}

PartitionValue = str | int


@dataclass(frozen=True)
class Partition:
    """One partition of a table. ``key`` has the name and value of every column of the partition key, in order."""

    table: str
    key: tuple[tuple[str, PartitionValue], ...]

    @property
    def expression(self) -> str:
        """The partition in the syntax of ALTER TABLE, for example ``tuple('suite/model', 5)``."""
        values = ", ".join(quote_literal(value) for _, value in self.key)
        return f"tuple({values})"

    @property
    def condition(self) -> str:
        """The partition as a WHERE condition."""
        return " and ".join(f"{quote_identifier(column)} = {quote_literal(value)}" for column, value in self.key)


def replace_partition(client: Client, partition: Partition, batches: Iterable[pa.RecordBatch | pa.Table]) -> int:
    """Replace the content of one partition by the rows of the batches; return the number of rows.

    If batches lack the columns of the partition key, these columns are added. Repeating a load changes nothing.

    If the batches have no rows, raises BadInputError and changes nothing, because an empty load is a mistake.
    """
    return _replace(client, partition, lambda staging: fill_staging_table(client, staging, partition, batches))


def replace_partition_by_queries(client: Client, partition: Partition, fill: Callable[[str], object]) -> int:
    """Replace the content of one partition by the rows that ``fill`` inserts; return the number of rows.

    ``fill`` is called with the name of the staging table, into which it inserts complete rows of the partition. It may
    take long. If it inserts no rows, raises BadInputError and changes nothing.
    """

    def write(staging: str) -> int:
        with answering_patiently(client):
            fill(staging)
            return int(read_row(client, f"select count() from {quote_identifier(staging)}")[0])

    return _replace(client, partition, write)


def _replace(client: Client, partition: Partition, write: Callable[[str], int]) -> int:
    """Replace the content of a partition by the rows that ``write`` inserts into the staging table that it is given.

    ``write`` returns their number, and so does this function. If there are none, raises BadInputError.
    """
    with open_staging_table(client, partition) as (staging, sharded):
        row_count = write(staging)
        if row_count == 0:
            raise BadInputError(f"nothing to load into {partition.table} {partition.expression}", "check the corpus")
        check_staging_table(client, staging, partition, row_count)
        run_statements(client, swap_partition(client, staging, partition, sharded))
    return row_count


def copy_partition(client: Client, source: Partition, target: Partition) -> int:
    """Replace the target partition by a copy of the source partition; return the number of rows.

    The server copies the rows. In the copies, the columns of the partition key hold the values of the target. If the
    source has no rows, raises BadInputError and changes nothing.
    """
    (row_count,) = read_row(client, f"select count() from {quote_identifier(source.table)} where {source.condition}")
    if row_count == 0:
        raise BadInputError(f"nothing to copy from {source.table} {source.expression}", "score it first")

    def write(staging: str) -> int:
        with answering_patiently(client):
            client.command(
                write_copy(staging, source, target, list_insertable_columns(client, target.table)),
                settings={"distributed_foreground_insert": 1},
            )
        return int(row_count)

    return _replace(client, target, write)


def write_copy(staging: str, source: Partition, target: Partition, columns: list[str]) -> str:
    """Return the INSERT statement that copies the source's rows to a staging table and gives them the target's key."""
    constants = {column: quote_literal(value) for column, value in target.key}
    return (
        f"insert into {quote_identifier(staging)} ({', '.join(map(quote_identifier, columns))})"
        f" select {', '.join(constants.get(name, quote_identifier(name)) for name in columns)}"
        f" from {quote_identifier(source.table)} where {source.condition}"
    )


def list_insertable_columns(client: Client, table: str) -> list[str]:
    """Return the columns of a table in order. ALIAS columns are left out, because they do not accept values."""
    rows = client.query(
        "select name from system.columns where database = currentDatabase() and table = {table:String}"
        " and default_kind != 'ALIAS' order by position",
        parameters={"table": table},
    ).result_rows
    return [str(name) for (name,) in rows]


@contextlib.contextmanager
def open_staging_table(client: Client, partition: Partition) -> Iterator[tuple[str, ShardedTable | None]]:
    """Create a staging table for one load. The table is dropped when the block ends, even after an error.

    Yields the name of the staging table, and the ShardedTable that describes the partition's table. Instead of a
    ShardedTable, yields None if the partition's table is not sharded.
    """
    staging = f"{STAGING_PREFIX}{partition.table}_{uuid.uuid4().hex}"
    with answering_promptly(client):
        sharded = find_sharded_table(client, partition.table)
    # On a cluster, statements have no short timeout, because a statement waits for the slowest replica.
    with answering_promptly(client) if sharded is None else contextlib.nullcontext():
        try:
            run_statements(client, create_staging_table(staging, partition.table, sharded))
            yield staging, sharded
        finally:
            run_statements(client, drop_staging_table(staging, sharded))


def create_staging_table(staging: str, table: str, sharded: ShardedTable | None) -> list[str]:
    """Return the statements that create a staging table with the columns of ``table``."""
    if sharded is not None:
        return sharded.create_staging_table(staging)
    return [f"create table if not exists {quote_identifier(staging)} as {quote_identifier(table)}"]


def swap_partition(client: Client, staging: str, partition: Partition, sharded: ShardedTable | None) -> list[str]:
    """Return the statements that replace the partition by the content of the staging table."""
    if sharded is not None:
        major, minor = (int(number) for number in str(client.server_version).split(".")[:2])
        return sharded.replace_partition(staging, partition.expression, (major, minor))
    table, source = quote_identifier(partition.table), quote_identifier(staging)
    return [f"alter table {table} replace partition {partition.expression} from {source}"]


def drop_staging_table(staging: str, sharded: ShardedTable | None) -> list[str]:
    """Return the statements that drop a staging table, even if it was created only in part."""
    if sharded is not None:
        return sharded.drop_staging_table(staging)
    return [f"drop table if exists {quote_identifier(staging)} sync"]


def run_statements(client: Client, statements: Iterable[str]) -> None:
    """Run ``statements`` in order."""
    for statement in statements:
        client.command(statement)


def fill_staging_table(
    client: Client, staging: str, partition: Partition, batches: Iterable[pa.RecordBatch | pa.Table]
) -> int:
    """Insert the batches into a staging table and return the total number of rows.

    Each batch has its own deduplication token, so that the server stores a batch only once if it is sent twice.
    """
    row_count = 0
    for index, batch in enumerate(batches):
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        if table.num_rows == 0:
            continue
        settings = {**LOAD_SETTINGS, "insert_deduplication_token": f"{staging}:{index}"}
        client.insert_arrow(staging, add_key_columns(table, partition), settings=settings)
        row_count += table.num_rows
    return row_count


def add_key_columns(table: pa.Table, partition: Partition) -> pa.Table:
    """Add the columns of the partition key, each with one constant value.

    Strings are dictionary-encoded, because measurements showed that this encoding loads fastest.
    """
    for column, value in partition.key:
        if column in table.column_names:
            continue
        if isinstance(value, int):
            constant: pa.Array = pa.repeat(pa.scalar(value, pa.int64()), table.num_rows)
        else:
            indices = pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
            constant = pa.DictionaryArray.from_arrays(indices, pa.array([value]))
        table = table.append_column(column, constant)
    return table


def check_staging_table(client: Client, staging: str, partition: Partition, row_count: int) -> None:
    """Raise RuntimeError if the staging table does not hold ``row_count`` rows that all belong to the partition."""
    query = f"select count(), countIf({partition.condition}) from {quote_identifier(staging)}"
    stored_count, matching_count = read_row(client, query)
    if (stored_count, matching_count) != (row_count, row_count):
        raise RuntimeError(
            f"{staging} holds {stored_count} rows, {matching_count} of them in {partition.expression};"
            f" {row_count} were sent"
        )


def drop_abandoned_staging_tables(client: Client) -> list[str]:
    """Drop the staging tables that killed loads left, and return their names. These tables are more than a day old."""
    rows = client.query(
        "select name from system.tables where database = currentDatabase() and startsWith(name, {prefix:String})"
        " and metadata_modification_time < now() - toIntervalHour({hours:UInt32})",
        parameters={"prefix": STAGING_PREFIX, "hours": STAGING_LIFETIME_HOURS},
    ).result_rows
    abandoned = sorted({str(name).removesuffix(LOCAL_SUFFIX) for (name,) in rows})
    for staging in abandoned:
        table = staging.removeprefix(STAGING_PREFIX).rpartition("_")[0]
        run_statements(client, drop_staging_table(staging, find_sharded_table(client, table)))
    return abandoned

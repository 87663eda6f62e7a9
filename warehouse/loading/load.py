"""Bulk load: rows go into a staging table and become visible by replacing one partition, whole or not at all.

create stage ── insert batches ── check the count ── replace partition ── drop stage
     killed up to here: nothing is visible            killed here: all is visible, the load can be repeated
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import answering_patiently, answering_promptly, read_row
from trailhouse.warehouse.schema.cluster import LOCAL_SUFFIX, ShardedTable, find_sharded_table

STAGE_PREFIX = "stage_"
# A load that takes longer than a day is taken for dead.
STAGE_LIFETIME_HOURS = 24
# Through a Distributed table an insert is done when the shards have the rows; elsewhere the last word means nothing.
LOAD_SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 1, "distributed_foreground_insert": 1}

PartitionValue = str | int


@dataclass(frozen=True)
class Partition:
    """One partition of a table: the columns of its partition key with their values, in order."""

    table: str
    key: tuple[tuple[str, PartitionValue], ...]

    @property
    def expression(self) -> str:
        """The partition as ALTER TABLE wants it."""
        values = ", ".join(quote_literal(value) for _, value in self.key)
        return f"tuple({values})"

    @property
    def condition(self) -> str:
        """The partition as a condition on rows."""
        return " and ".join(f"{quote_identifier(column)} = {quote_literal(value)}" for column, value in self.key)


def replace_partition(client: Client, partition: Partition, batches: Iterable[pa.RecordBatch | pa.Table]) -> int:
    """Load batches as the whole content of one partition; an earlier content is replaced, a repeat changes nothing.

    Columns of the partition key are added to the batches that lack them.

    Returns the number of rows of the partition. Raises BadInputError, with nothing changed, if there are no
    rows: an empty partition is always a mistake upstream.
    """
    with open_stage(client, partition) as (stage, sharded):
        row_count = fill_stage(client, stage, partition, batches)
        if row_count == 0:
            raise BadInputError(f"nothing to load into {partition.table} {partition.expression}", "check the corpus")
        check_stage(client, stage, partition, row_count)
        run(client, swap_partition(client, stage, partition, sharded))
    return row_count


def copy_partition(client: Client, source: Partition, target: Partition) -> int:
    """Make the rows of one partition, under another key, the whole content of a second one; returns their number.

    Nothing leaves the server. Raises BadInputError, with nothing changed, if there are no rows to copy.
    """
    columns = client.query(
        "select name from system.columns where database = currentDatabase() and table = {table:String}"
        " and default_kind != 'ALIAS' order by position",
        parameters={"table": target.table},
    ).result_rows
    constants = {column: quote_literal(value) for column, value in target.key}
    names = [str(name) for (name,) in columns]
    row_count = read_row(client, f"select count() from {quote_identifier(source.table)} where {source.condition}")[0]
    if row_count == 0:
        raise BadInputError(f"nothing to copy from {source.table} {source.expression}", "score it first")
    with open_stage(client, target) as (stage, sharded):
        with answering_patiently(client):
            client.command(
                f"insert into {quote_identifier(stage)} ({', '.join(map(quote_identifier, names))})"
                f" select {', '.join(constants.get(name, quote_identifier(name)) for name in names)}"
                f" from {quote_identifier(source.table)} where {source.condition}",
                settings={"distributed_foreground_insert": 1},
            )
        check_stage(client, stage, target, row_count)
        run(client, swap_partition(client, stage, target, sharded))
    return int(row_count)


@contextlib.contextmanager
def open_stage(client: Client, partition: Partition) -> Iterator[tuple[str, ShardedTable | None]]:
    """A stage for one load, dropped at its end whatever happened; with where the target's rows lie on a cluster."""
    stage = f"{STAGE_PREFIX}{partition.table}_{uuid.uuid4().hex}"
    with answering_promptly(client):
        sharded = find_sharded_table(client, partition.table)
    # a cluster waits for its slowest replica
    with answering_promptly(client) if sharded is None else contextlib.nullcontext():
        try:
            run(client, create_stage(stage, partition.table, sharded))
            yield stage, sharded
        finally:
            run(client, drop_stage(stage, sharded))


def create_stage(stage: str, table: str, sharded: ShardedTable | None) -> list[str]:
    """The statements that make a stage of the same shape as the table."""
    if sharded is not None:
        return sharded.create_stage(stage)
    return [f"create table if not exists {quote_identifier(stage)} as {quote_identifier(table)}"]


def swap_partition(client: Client, stage: str, partition: Partition, sharded: ShardedTable | None) -> list[str]:
    """The statements that make the stage the content of the partition."""
    if sharded is not None:
        major, minor = (int(number) for number in str(client.server_version).split(".")[:2])
        return sharded.replace_partition(stage, partition.expression, (major, minor))
    table, source = quote_identifier(partition.table), quote_identifier(stage)
    return [f"alter table {table} replace partition {partition.expression} from {source}"]


def drop_stage(stage: str, sharded: ShardedTable | None) -> list[str]:
    """The statements that drop a stage, or what is left of it."""
    if sharded is not None:
        return sharded.drop_stage(stage)
    return [f"drop table if exists {quote_identifier(stage)} sync"]


def run(client: Client, statements: Iterable[str]) -> None:
    """Run statements one after the other."""
    for statement in statements:
        client.command(statement)


def fill_stage(client: Client, stage: str, partition: Partition, batches: Iterable[pa.RecordBatch | pa.Table]) -> int:
    """Insert the batches, each under its own deduplication token, so that a retried request counts once."""
    row_count = 0
    for index, batch in enumerate(batches):
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        if table.num_rows == 0:
            continue
        settings = {**LOAD_SETTINGS, "insert_deduplication_token": f"{stage}:{index}"}
        client.insert_arrow(stage, add_key_columns(table, partition), settings=settings)
        row_count += table.num_rows
    return row_count


def add_key_columns(table: pa.Table, partition: Partition) -> pa.Table:
    """Add the constant columns of the partition key; strings are dictionary-encoded, which loads fastest."""
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


def check_stage(client: Client, stage: str, partition: Partition, row_count: int) -> None:
    """Make sure that the stage holds what was sent, and only rows of the partition."""
    query = f"select count(), countIf({partition.condition}) from {quote_identifier(stage)}"
    stored_count, matching_count = read_row(client, query)
    if (stored_count, matching_count) != (row_count, row_count):
        raise RuntimeError(
            f"{stage} holds {stored_count} rows, {matching_count} of them in {partition.expression};"
            f" {row_count} were sent"
        )


def drop_abandoned_stages(client: Client) -> list[str]:
    """Drop the staging tables that killed loads left behind more than a day ago; returns their names."""
    rows = client.query(
        "select name from system.tables where database = currentDatabase() and startsWith(name, {prefix:String})"
        " and metadata_modification_time < now() - toIntervalHour({hours:UInt32})",
        parameters={"prefix": STAGE_PREFIX, "hours": STAGE_LIFETIME_HOURS},
    ).result_rows
    stages = sorted({str(name).removesuffix(LOCAL_SUFFIX) for (name,) in rows})
    for stage in stages:
        table = stage.removeprefix(STAGE_PREFIX).rpartition("_")[0]
        run(client, drop_stage(stage, find_sharded_table(client, table)))
    return stages

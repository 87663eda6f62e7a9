"""This module counts the n-grams of one shard in SQL.

    windows of the texts -> scratch table -> counts of every order -> staging table -> replace partition

Readers see all counts of the shard or none. Repeating a count changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.partition_load import LOAD_SETTINGS, Partition, replace_partition_by_queries
from trailhouse.warehouse.ngrams.query_settings import bound_memory
from trailhouse.warehouse.ngrams.reserved_tokens import MAXIMUM_ORDER
from trailhouse.warehouse.ngrams.scratch_tables import open_scratch_table
from trailhouse.warehouse.ngrams.windows import WINDOW_COLUMNS


def count_shard(
    client: Client,
    partition: Partition,
    windows: Iterable[pa.RecordBatch],
    *,
    least_pruned_order: int,
    memory_bytes: int,
) -> int:
    """Replace the counts of a shard by those of the windows; return the number of n-grams of all orders.

    n-grams of order ``least_pruned_order`` and above that occur once are not stored; 0 stores all.
    """
    with open_scratch_table(client, "ngram_window", WINDOW_COLUMNS) as table:
        for batch in windows:
            client.insert_arrow(table, pa.Table.from_batches([batch]), settings=LOAD_SETTINGS)
        settings = bound_memory(client, memory_bytes)

        def fill(staging: str) -> None:
            for order in range(1, MAXIMUM_ORDER + 1):
                is_pruned = 0 < least_pruned_order <= order
                client.command(
                    write_count(quote_identifier(staging), table, partition, order, is_pruned=is_pruned),
                    settings=settings,
                )
                if not is_pruned:
                    check_sum(client, quote_identifier(staging), table, order)

        return replace_partition_by_queries(client, partition, fill)


def write_count(staging: str, windows: str, partition: Partition, order: int, *, is_pruned: bool) -> str:
    """Return the statement that counts the n-grams of one order."""
    keys = {name: quote_literal(value) for name, value in partition.key}
    tokens = [f"token_{index}" for index in range(1, MAXIMUM_ORDER + 1)]
    columns = ", ".join([*keys, "ngram_order", *tokens, "occurrence_count"])
    values = ", ".join([*keys.values(), str(order), *tokens[:order], *["0"] * (MAXIMUM_ORDER - order), "count()"])
    having = " having count() > 1" if is_pruned else ""
    return (
        f"insert into {staging} ({columns}) select {values} from {windows} where length >= {order}"
        f" group by {', '.join(tokens[:order])}{having}"
    )


def check_sum(client: Client, staging: str, windows: str, order: int) -> None:
    """Raise RuntimeError unless the counts of an order add up to the number of its n-grams."""
    counted = read_row(client, f"select toInt64(sum(occurrence_count)) from {staging} where ngram_order = {order}")[0]
    expected = read_row(client, f"select toInt64(count()) from {windows} where length >= {order}")[0]
    if counted != expected:
        raise RuntimeError(f"the counts of order {order} add up to {counted}, not to {expected}")

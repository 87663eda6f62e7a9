"""This module makes tables that hold the intermediate rows of one count or one scoring."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.loading.partition_load import STAGING_PREFIX


@contextmanager
def open_scratch_table(client: Client, name: str, columns: str, order_by: str = "tuple()") -> Iterator[str]:
    """Create a table with the given columns and yield its name. It is dropped when the block ends.

    A table that a killed process leaves is dropped with the abandoned staging tables, whose prefix it has.
    """
    table = f"{STAGING_PREFIX}{name}_{uuid.uuid4().hex}"
    try:
        client.command(f"create table {table} ({columns}) engine = MergeTree order by {order_by}")
        yield table
    finally:
        client.command(f"drop table if exists {table} sync")

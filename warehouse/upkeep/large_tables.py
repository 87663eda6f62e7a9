"""This module drops tables and partitions of any size. By default, ClickHouse refuses to drop more than 50 GB."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier

ANY_SIZE = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}
"""Settings with which a statement may drop tables and partitions of any size."""


def drop_database(client: Client, database: str) -> None:
    """Drop a database with all of its tables, if it exists."""
    client.command(f"drop database if exists {quote_identifier(database)} sync", settings=ANY_SIZE)

"""Versions of rows: of the rows with one key, ReplacingMergeTree keeps the row with the latest timestamp."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row


def next_version(client: Client, table: str, column: str, condition: str = "true") -> datetime:
    """Return a timestamp that is later than ``column`` in every row of ``table`` that meets the condition.

    It is the present time, or one millisecond after the latest row where the clock of this machine is behind.
    """
    latest: datetime = read_row(client, f"select max({column}) from {table} where {condition}")[0]
    return max(datetime.now(UTC), latest.replace(tzinfo=UTC) + timedelta(milliseconds=1))

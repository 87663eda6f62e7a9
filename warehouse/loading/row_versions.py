"""Timestamps as versions of rows: ReplacingMergeTree keeps the row with the latest timestamp of each key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row


def next_version(client: Client, table: str, column: str, condition: str = "true") -> datetime:
    """Return a timestamp that is later than ``column`` in every row of ``table`` that meets the condition.

    The timestamp is the present time. If the clock of this machine is behind the latest row, the timestamp is one
    millisecond after that row.
    """
    latest: datetime = read_row(client, f"select max({column}) from {table} where {condition}")[0]
    return max(datetime.now(UTC), latest.replace(tzinfo=UTC) + timedelta(milliseconds=1))

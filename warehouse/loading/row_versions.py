"""This module makes timestamps for rows. ReplacingMergeTree keeps the row with the latest timestamp of each key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row


def next_version(client: Client, table: str, column: str, condition: str = "true") -> datetime:
    """Return a timestamp for a new row that is later than ``column`` in all rows of ``table`` that meet ``condition``.

    The timestamp is the present time. If the latest row has a later time, because the clock of this machine is slow,
    the timestamp is one millisecond after the time of the latest row.
    """
    latest: datetime = read_row(client, f"select max({column}) from {table} where {condition}")[0]
    return max(datetime.now(UTC), latest.replace(tzinfo=UTC) + timedelta(milliseconds=1))

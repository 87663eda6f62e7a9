"""Versions of rows: in a ReplacingMergeTree the row with the latest timestamp counts, whatever the clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row


def next_version(client: Client, table: str, column: str, condition: str = "true") -> datetime:
    """Now, or just after the latest timestamp of the rows that meet the condition, where the clock was turned back."""
    latest: datetime = read_row(client, f"select max({column}) from {table} where {condition}")[0]
    return max(datetime.now(UTC), latest.replace(tzinfo=UTC) + timedelta(milliseconds=1))

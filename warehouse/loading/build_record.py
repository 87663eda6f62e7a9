"""This module stores what the last build of the marts was made from, so that the next build finds what changed."""

from __future__ import annotations

from uuid import UUID

from clickhouse_connect.driver.client import Client

_TABLE = "build_record"


def read_build_record(client: Client) -> str:
    """Return the record of the last build; empty if there was none, or if it did not succeed or is still running."""
    return _read_latest(client)[1]


def begin_build(client: Client, build_id: UUID) -> None:
    """Store that a build begins. Until ``finish_build``, there is no record, also if the build is killed."""
    _write(client, build_id, "")


def finish_build(client: Client, build_id: UUID, record: str) -> bool:
    """Store the record of a build that succeeded, unless another build began since. Returns whether it was stored."""
    if _read_latest(client)[0] != build_id:
        return False
    _write(client, build_id, record)
    return True


def _read_latest(client: Client) -> tuple[UUID | None, str]:
    rows = client.query(f"select build_id, record from {_TABLE} order by recorded_at desc limit 1").result_rows
    return (rows[0][0], str(rows[0][1])) if rows else (None, "")


def _write(client: Client, build_id: UUID, record: str) -> None:
    client.insert(_TABLE, [[build_id, record]], column_names=["build_id", "record"])

"""The numbers of rows and bytes that a statement read, wrote and returned, as the engine reports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statistics:
    """The rows and bytes that one statement read, wrote and returned, and its duration."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


def read_statistics(result: Any) -> Statistics:  # noqa: ANN401  chDB has no types
    """Return the statistics of a finished query.

    chDB's method ``rows_read`` counts the rows of the result. ``storage_rows_read`` counts the rows read from tables.
    """
    return Statistics(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=result.bytes_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )


def read_insert_statistics(result: Any) -> Statistics:  # noqa: ANN401  chDB has no types
    """Return the statistics of a finished INSERT. As in ClickHouse, rows that the client sent count as rows read."""
    rows, size = result.rows_written(), result.bytes_written()
    return Statistics(
        read_rows=rows,
        read_bytes=size,
        written_rows=rows,
        written_bytes=size,
        elapsed_ns=int(result.elapsed() * 1e9),
    )

"""A query that fails after it has produced rows, and the output formats in which it is sent."""

from __future__ import annotations

FAILING = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)"
FORMATS = [
    "TabSeparated",
    "CSV",
    "CSVWithNames",
    "JSON",
    "JSONCompact",
    "JSONEachRow",
    "Native",
    "RowBinary",
    "Parquet",
    "ArrowStream",
    "Pretty",
    "Values",
]


def without_timings(body: bytes) -> list[bytes]:
    """Return the lines of an answer, without the line that says how long the query took."""
    return [line for line in body.splitlines() if b'"elapsed"' not in line]

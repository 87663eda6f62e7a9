"""A query that fails after it has produced rows, and the formats it is asked in."""

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
    """The lines of an answer but those that say how long it took."""
    return [line for line in body.splitlines() if b'"elapsed"' not in line]

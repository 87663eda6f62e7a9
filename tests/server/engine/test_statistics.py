"""The statistics of a query and of an INSERT are those that the engine reports."""

from __future__ import annotations

from types import SimpleNamespace

from trailhouse.server.engine.statistics import Statistics, read_insert_statistics, read_statistics

# A stand-in for a result of chDB in which every number is another one
RESULT = SimpleNamespace(
    storage_rows_read=lambda: 1,
    storage_bytes_read=lambda: 2,
    rows_written=lambda: 3,
    bytes_written=lambda: 4,
    rows_read=lambda: 5,
    bytes_read=lambda: 6,
    elapsed=lambda: 8.5,
)


def test_the_rows_of_a_result_are_told_from_the_rows_read_from_tables():
    assert read_statistics(RESULT) == Statistics(
        read_rows=1,
        read_bytes=2,
        written_rows=3,
        written_bytes=4,
        result_rows=5,
        result_bytes=6,
        elapsed_ns=8_500_000_000,
    )


def test_the_rows_that_a_client_sent_count_as_read_and_written():
    assert read_insert_statistics(RESULT) == Statistics(
        read_rows=3, read_bytes=4, written_rows=3, written_bytes=4, elapsed_ns=8_500_000_000
    )

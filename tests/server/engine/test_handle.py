"""A handle: its connection is closed unless a thread uses it, and its database is changed only if it is another one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.handle import Handle

COUNTS = (
    "storage_rows_read", "storage_bytes_read", "rows_written", "bytes_written", "rows_read", "bytes_read", "elapsed",
)  # fmt: skip


class Connection:
    """A stand-in for a connection of chDB that records its queries. Queries about ``nowhere`` fail."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, str]] = []
        self.is_closed = False

    def query(self, sql: str, output_format: str, **_: object) -> SimpleNamespace:
        self.queries.append((sql, output_format))
        if "nowhere" in sql:
            raise RuntimeError("Code: 81. DB::Exception: Database nowhere does not exist. (UNKNOWN_DATABASE)")
        return SimpleNamespace(bytes=lambda: b"", **dict.fromkeys(COUNTS, lambda: 0))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def handle(connection) -> Handle:
    return Handle(connection, role=Role.ADMIN, is_readonly=False)


def test_a_handle_that_was_never_used_is_closed(connection, handle):
    handle.close()
    assert connection.is_closed


def test_a_handle_in_use_stays_open_and_is_closed_once_its_statement_has_ended(connection, handle):
    with handle.in_use() as used:
        assert used is connection
        handle.close()
        assert not connection.is_closed
    handle.close()
    assert connection.is_closed


def test_a_handle_whose_statement_failed_is_closed(connection, handle):
    with pytest.raises(ServerError, match="nowhere"):
        handle.run("SELECT * FROM nowhere.t")
    handle.close()
    assert connection.is_closed


def test_the_database_is_changed_only_to_another_one_that_exists(connection, handle):
    handle.use_database("default")
    assert connection.queries == []
    handle.use_database("other")
    handle.use_database("other")
    assert [sql for sql, _ in connection.queries] == ["USE `other`"]
    with pytest.raises(ServerError) as caught:
        handle.use_database("nowhere")
    assert caught.value.code == 81
    assert handle.database == "other"


def test_leftovers_are_discarded_by_two_queries_even_if_they_fail(connection, handle, monkeypatch):
    handle.discard_leftovers()
    assert connection.queries == [("SELECT 1", "Null")] * 2
    tried = []

    def fail(*arguments: str) -> None:
        tried.append(arguments)
        raise RuntimeError("the rows of a failed query")

    monkeypatch.setattr(connection, "query", fail)
    handle.discard_leftovers()
    assert tried == [("SELECT 1", "Null")] * 2

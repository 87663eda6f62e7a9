"""INSERTs whose rows follow in the body: rows that were not stored are not acknowledged."""

from __future__ import annotations

import contextlib
import os
import re
import time
from types import SimpleNamespace

import httpx
import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.execution import Execution
from trailhouse.server.engine.insert_stream import InsertStream
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.sql.insert_head import find_insert_head


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_a_failed_insert_reads_the_rest_of_the_body_and_keeps_the_connection(http):
    rows = (b"1\n" * 100000 for _ in range(20))
    answer = http.post("/", params={"query": "INSERT INTO nowhere FORMAT CSV"}, content=rows)
    assert answer.status_code == 404
    assert ask(http, "SELECT 1").text == "1\n"


@pytest.mark.parametrize("row_count", [2, 300000])
def test_rows_that_the_engine_refuses_when_it_stores_them_are_not_acknowledged(http, row_count):
    ask(http, "CREATE OR REPLACE TABLE parted (a Int64) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a")
    rows = "".join(f"{number}\n" for number in range(row_count))
    insert = {"query": "INSERT INTO parted FORMAT CSV", "max_partitions_per_insert_block": "1"}
    refused = http.post("/", params=insert, content=rows)
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "252")
    assert ask(http, "SELECT count() FROM parted").text == "0\n"
    assert ask(http, "DROP TABLE parted").status_code == 200


def test_an_insert_whose_client_leaves_stores_nothing(server, http, table):
    with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=server.url, auth=server.admin) as client:

        def rows():
            yield b"1\tx\n" * 1000
            time.sleep(0.2)
            raise httpx.WriteError("gone")

        client.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV"}, content=rows())
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    deadline = time.monotonic() + 20
    while ask(http, running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(http, f"SELECT count() FROM {table}").text == "0\n"


class Connection:
    """A stand-in for a connection that reads the rows from a pipe. It may fail before or after that."""

    def __init__(self, failure: str = "", *, fails_before: bool = False) -> None:
        self.failure, self.fails_before = failure, fails_before
        self.rows, self.asked = b"", []

    def query(self, sql: bytes, output_format: str, params: dict) -> SimpleNamespace:
        self.asked.append((sql.decode(), output_format, params))
        if self.fails_before:
            raise RuntimeError(self.failure)
        descriptor = int(re.search(rb"/dev/fd/(\d+)", sql)[1])
        while data := os.read(descriptor, 5):
            self.rows += data
        if self.failure:
            raise RuntimeError(self.failure)
        return SimpleNamespace(rows_written=lambda: 2, bytes_written=lambda: 9, elapsed=lambda: 0.5)


def begin(connection: Connection, text: bytes = b"INSERT INTO t FORMAT CSV\n", forced=None, **settings):
    """Start an INSERT; return it, the ids of the queries that it kills, and the statements of its handle."""
    killed, asked = [], []

    def run(sql: bytes) -> tuple[bytes, Statistics]:
        asked.append(sql)
        return b"", Statistics()

    handle = SimpleNamespace(in_use=lambda: contextlib.nullcontext(connection), run=run)
    execution = Execution(handle, {"p": "1"}, settings, "id", is_session=False)
    head = find_insert_head(text, is_complete=True)
    stream = InsertStream(SimpleNamespace(kill=killed.append), execution, head, forced or {})
    stream.start()
    return stream, killed, asked


def test_rows_are_sent_whole_and_count_once_the_engine_has_stored_them():
    connection = Connection()
    stream, killed, asked = begin(connection, a="1")
    for piece in (b"1\n", b"x" * 3_000_000, b"2\n"):
        stream.append(piece)
    statistics = stream.finish()
    assert connection.rows == b"1\n" + b"x" * 3_000_000 + b"2\n"
    assert (statistics.written_rows, statistics.read_rows) == (2, 2)
    assert (killed, asked) == ([], [b"SET a = '1', log_comment = 'id'"])
    ((sql, output_format, parameters),) = connection.asked
    assert re.fullmatch(
        r"INSERT INTO t FROM INFILE '/dev/fd/\d+' COMPRESSION 'none' SETTINGS log_comment = 'id' FORMAT CSV", sql
    )
    assert (output_format, parameters) == ("Null", {"p": "1"})
    stream.cancel()  # nothing runs any more
    assert killed == []


def test_the_settings_of_the_statement_precede_those_that_are_forced():
    connection = Connection()
    stream, _, _ = begin(connection, b"INSERT INTO t SETTINGS b = 2 FORMAT CSV\n", {"c": "0"})
    stream.finish()
    assert "SETTINGS  b = 2, log_comment = 'id', c = '0' FORMAT CSV" in connection.asked[0][0]


def test_an_insert_that_fails_at_its_end_or_before_its_rows_raises_the_error_of_the_engine():
    message = "Code: 252. DB::Exception: Too many partitions (TOO_MANY_PARTS)"
    stream, _, _ = begin(Connection(message))
    stream.append(b"1\n")
    with pytest.raises(ServerError) as caught:
        stream.finish()
    assert caught.value.code == 252
    stream, _, _ = begin(Connection(message, fails_before=True))
    stream._thread.join()
    with pytest.raises(ServerError) as caught:
        stream.append(b"1\n")
    assert caught.value.code == 252


def test_a_running_insert_is_killed_before_its_pipe_is_closed():
    connection = Connection()
    stream, killed, _ = begin(connection)
    stream.append(b"1\n")
    written = stream._write_end

    def kill(query_id: str) -> None:
        os.fstat(written)  # the pipe is still open
        killed.append(query_id)
        raise ServerError(1, "NAME", "the engine does not know the query")

    stream._engine.kill = kill
    stream.cancel()
    assert killed == ["id"]
    assert not stream._thread.is_alive()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(written)


def test_an_insert_that_never_started_is_cancelled_without_a_query():
    execution = Execution(SimpleNamespace(), {}, {}, "id", is_session=False)
    stream = InsertStream(
        SimpleNamespace(), execution, find_insert_head(b"INSERT INTO t VALUES (", is_complete=True), {}
    )
    stream.cancel()
    assert stream._thread is None

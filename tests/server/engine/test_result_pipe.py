"""A result that is read through a pipe; a stand-in for the engine's connection writes it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine import result_pipe
from trailhouse.server.engine.execution import PIPE_BYTES, Execution, widen_pipe
from trailhouse.server.engine.result_pipe import ResultPipe
from trailhouse.server.sql.statement import parse_statement

COUNTS = (
    "storage_rows_read", "storage_bytes_read", "rows_written", "bytes_written", "rows_read", "bytes_read", "elapsed",
)  # fmt: skip


class Connection:
    """Writes the pieces to the pipe that a statement names, each after ``wait`` returns, and then fails if it must."""

    def __init__(self, pieces: tuple[bytes, ...] = (), failure: str = "") -> None:
        self.pieces, self.failure = pieces, failure
        self.asked: list[tuple[str, str, dict]] = []
        self.wait = lambda: None

    def query(self, sql: bytes, output_format: str, params: dict) -> SimpleNamespace:
        self.asked.append((sql.decode(), output_format, params))
        descriptor = int(re.search(rb"/dev/fd/(\d+)", sql)[1])
        for piece in self.pieces:
            self.wait()
            os.write(descriptor, piece)
        if self.failure:
            raise RuntimeError(self.failure)
        return SimpleNamespace(**dict.fromkeys(COUNTS, lambda: 7))


def make_execution(connection: Connection, **settings: str) -> Execution:
    handle = SimpleNamespace(in_use=lambda: contextlib.nullcontext(connection))
    return Execution(handle, {"p": "1"}, settings, "id", is_session=False)


async def open_pipe(connection: Connection, executor, sql: bytes = b"SELECT 1", engine=None, **settings) -> ResultPipe:
    pipe = ResultPipe(engine, executor)
    pipe.start(make_execution(connection, **settings), parse_statement(sql), "CSV")
    return pipe


async def read_all(pipe: ResultPipe) -> list[bytes]:
    pieces = []
    while data := await pipe.read():
        pieces.append(data)
    return pieces


def run(connection: Connection, sql: bytes = b"SELECT 1", **settings) -> tuple[ResultPipe, list[bytes]]:
    async def go() -> tuple[ResultPipe, list[bytes]]:
        with ThreadPoolExecutor(1) as executor:
            pipe = await open_pipe(connection, executor, sql, **settings)
            assert not pipe.is_finished
            pieces = await read_all(pipe)
            assert await pipe.read() == b""
            return pipe, pieces

    return asyncio.run(asyncio.wait_for(go(), 20))


def test_a_result_is_read_to_its_end_and_has_its_statistics():
    pipe, pieces = run(Connection((b"1\n", b"2\n")))
    assert (b"".join(pieces), pipe.is_finished, pipe.error) == (b"1\n2\n", True, None)
    assert (pipe.statistics.read_rows, pipe.statistics.result_rows) == (7, 7)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe._read_end)


def test_an_error_comes_after_the_rows_and_does_not_show_the_servers_own_clause():
    failure = "Code: 395. DB::Exception: stop: while executing SELECT 1. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"
    pipe, pieces = run(Connection((b"1\n",), failure))
    assert (pieces, pipe.is_finished) == ([b"1\n"], True)
    assert isinstance(pipe.error, ServerError)
    assert pipe.error.code == 395


def test_the_settings_of_the_request_precede_those_of_the_statement_and_the_mark_is_last():
    connection = Connection()
    run(connection, b"SELECT 1 SETTINGS b = 2", a="1")
    run(connection)
    (with_settings, output_format, parameters), (plain, _, _) = connection.asked
    form = r"SELECT 1\nINTO OUTFILE '/dev/fd/\d+' APPEND FORMAT CSV SETTINGS "
    assert re.fullmatch(form + "a = '1', log_comment = 'id', b = 2, log_comment = 'id'", with_settings)
    assert re.fullmatch(form + "log_comment = 'id'", plain)
    assert (output_format, parameters) == ("CSV", {"p": "1"})


def test_other_requests_are_served_while_a_result_is_waited_for():
    """The statement goes on only after the event loop has run a callback, which it cannot while it waits in a read."""
    connection = Connection((b"1", b"2"))
    has_run = threading.Event()

    async def go() -> bytes:
        connection.wait = lambda: has_run.wait(5) or pytest.fail("the event loop is blocked")
        asyncio.get_running_loop().call_later(0.05, has_run.set)
        with ThreadPoolExecutor(1) as executor:
            return b"".join(await read_all(await open_pipe(connection, executor)))

    assert asyncio.run(asyncio.wait_for(go(), 20)) == b"12"


def test_a_long_result_is_read_in_larger_pieces_after_the_first_full_one(monkeypatch):
    monkeypatch.setattr(result_pipe, "_SMALL_READ_BYTES", 4)
    _, pieces = run(Connection((b"12345678",)))
    assert pieces == [b"1234", b"5678"]
    _, pieces = run(Connection((b"123",)))
    assert pieces == [b"123"]


def test_a_pipe_holds_a_mebibyte_if_the_system_allows_it(monkeypatch):
    ends = os.pipe()
    try:
        widen_pipe(ends[1])
        assert fcntl.fcntl(ends[0], fcntl.F_GETPIPE_SZ) == PIPE_BYTES == 1024**2
        monkeypatch.setattr("trailhouse.server.engine.execution._SET_PIPE_SIZE", None)
        widen_pipe(-1)  # a system without the call
    finally:
        for end in ends:
            os.close(end)


def test_a_query_is_killed_by_its_id_until_it_has_ended(monkeypatch):
    monkeypatch.setattr(result_pipe, "_KILL_AGAIN_SECONDS", 0.02)
    connection = Connection((b"1", b"2"))
    is_killed = threading.Event()
    asked = []

    def kill(query_id: str) -> None:
        asked.append(query_id)
        if len(asked) == 1:
            raise ServerError(1, "NAME", "the engine does not know the query yet")
        if len(asked) == 3:
            is_killed.set()

    async def go() -> ResultPipe:
        connection.wait = lambda: is_killed.wait(5)
        with ThreadPoolExecutor(1) as executor:
            pipe = await open_pipe(connection, executor, engine=SimpleNamespace(kill=kill))
            await pipe.cancel()
            return pipe

    pipe = asyncio.run(asyncio.wait_for(go(), 20))
    assert pipe.is_finished
    assert asked[:3] == ["id"] * 3
    assert is_killed.is_set()

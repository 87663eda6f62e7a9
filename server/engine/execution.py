"""Running one statement: its rows through a pipe, its settings for its time only, and how to stop it.

Rows leave the engine by INTO OUTFILE on a pipe, so that a result of any format and size streams with
bounded memory and never lies in the handle's own buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from trailhouse.server.engine.engine import (
    Engine,
    Handle,
    Statistics,
    format_settings,
    quote_string,
    read_statistics,
)
from trailhouse.server.errors import ServerError, parse_engine_error
from trailhouse.server.sql.statement import InsertHead, Statement

_PIPE_BYTES = 1 << 20
_SMALL_READ_BYTES = 1 << 16
_MOMENT_SECONDS = 0.01
_KILL_AGAIN_SECONDS = 0.5
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


@dataclass(frozen=True)
class Execution:
    """What a statement runs with."""

    handle: Handle
    parameters: Mapping[str, str]
    settings: dict[str, str]
    query_id: str
    is_session: bool

    @property
    def mark(self) -> dict[str, str]:
        """The setting by which the query can be found and killed; it has to stand last, so that none overrides it."""
        comment = self.settings.get("log_comment", "")
        return {"log_comment": f"{self.query_id}\n{comment}".strip()}

    @property
    def all_settings(self) -> dict[str, str]:
        """The request's settings and the mark."""
        return {**self.settings, **self.mark}


class ResultPipe:
    """A statement that is running, and its rows as they come."""

    def __init__(self, engine: Engine, executor: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._executor = executor
        self._read_size = _SMALL_READ_BYTES
        self.statistics = Statistics()
        self.error: ServerError | None = None
        self.is_finished = False
        self._is_young = True

    def start(self, execution: Execution, statement: Statement, output_format: str) -> None:
        """Begin; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._query_id = execution.query_id
        self._read_end, write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        if _SET_PIPE_SIZE is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._read_end, _SET_PIPE_SIZE, _PIPE_BYTES)
        self._future = self._loop.run_in_executor(
            self._executor, self._run, execution, statement, output_format, write_end
        )

    async def read(self) -> bytes:
        """The next piece of the result; empty at its end, when ``statistics`` and ``error`` are set."""
        while not self.is_finished:
            try:
                data = os.read(self._read_end, self._read_size)
            except BlockingIOError:
                if self._is_young:
                    await self._wait_a_moment()
                else:
                    await self._wait_until_readable()
                continue
            if not data:
                await asyncio.shield(self._future)
                if not self.is_finished:
                    self.is_finished = True
                    os.close(self._read_end)
                return b""
            if len(data) == self._read_size:
                self._read_size = _PIPE_BYTES
            return data
        return b""

    async def cancel(self) -> None:
        """Stop the query and wait until the engine has let go of the handle."""
        draining = self._loop.create_task(self._drain())
        while not draining.done():  # a query that has only been queued is not there to be killed yet
            with contextlib.suppress(ServerError):
                await asyncio.to_thread(self._engine.kill, self._query_id)
            await asyncio.wait([draining], timeout=_KILL_AGAIN_SECONDS)
        await draining

    async def _drain(self) -> None:
        while await self.read():
            pass

    async def _wait_a_moment(self) -> None:
        # most queries end within it, and their whole result then waits in the pipe: one wake-up instead of three
        self._is_young = False
        moment: asyncio.Future[None] = self._loop.create_future()
        self._future.add_done_callback(lambda _: _resolve(moment))
        timer = self._loop.call_later(_MOMENT_SECONDS, _resolve, moment)
        await moment
        timer.cancel()

    async def _wait_until_readable(self) -> None:
        readable: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._read_end, _resolve, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(self._read_end)

    def _run(self, execution: Execution, statement: Statement, output_format: str, write_end: int) -> None:
        clause = f"\nINTO OUTFILE '/dev/fd/{write_end}' APPEND FORMAT {output_format} SETTINGS "
        clause += format_settings(execution.all_settings)
        sql = statement.body + clause.encode(errors="surrogateescape")
        if statement.settings:
            sql += b", " + statement.settings + f", {format_settings(execution.mark)}".encode(errors="surrogateescape")
        try:
            with execution.handle.in_use() as connection:
                result = connection.query(sql, output_format, params=dict(execution.parameters))
                self.statistics = read_statistics(result)
        except RuntimeError as error:
            self.error = parse_engine_error(str(error), hidden=clause)
        finally:
            os.close(write_end)


class InsertStream:
    """An INSERT whose rows arrive piece by piece, through a pipe. Its methods block: run them in a thread.

    chDB's own send_insert acknowledges rows that it could not store, on a full disk for instance.
    """

    def __init__(
        self, engine: Engine, execution: Execution, head: InsertHead, forced_settings: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._execution = execution
        self._head = head
        self._forced_settings = forced_settings
        self._restore = contextlib.ExitStack()
        self._statistics = Statistics()
        self._error: ServerError | None = None
        self._read_end, self._write_end = -1, -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Raises ServerError where a setting is wrong."""
        parameters = {f"param_{name}": value for name, value in self._execution.parameters.items()}
        self._restore.enter_context(apply_settings(self._execution, extra=parameters))
        self._read_end, self._write_end = os.pipe()
        if _SET_PIPE_SIZE is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._write_end, _SET_PIPE_SIZE, _PIPE_BYTES)
        self._thread = threading.Thread(target=self._run, name="statement-insert")
        self._thread.start()

    def append(self, data: bytes) -> None:
        """Push one piece of formatted rows. Raises ServerError where the insert has failed."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._write_end, view) :]
        except BrokenPipeError:
            self._join()
            raise self._error or ServerError(1001, "STD_EXCEPTION", "The engine did not read all rows") from None

    def finish(self) -> Statistics:
        """Commit. Raises ServerError where the rows do not parse, or could not be stored."""
        self._join()
        if self._error is not None:
            raise self._error
        return self._statistics

    def cancel(self) -> None:
        """Drop what was not committed."""
        if self._thread is not None and self._thread.is_alive():
            # the end of the rows alone would commit them: the engine has to know first that it shall not
            with contextlib.suppress(ServerError):
                self._engine.kill(self._execution.query_id)
        self._join()

    def _join(self) -> None:
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1
        if self._thread is not None:
            self._thread.join()
        self._restore.close()

    def _run(self) -> None:
        source = f" FROM INFILE '/dev/fd/{self._read_end}' COMPRESSION 'none'"
        settings = [self._head.settings] if self._head.settings else []
        settings.append(format_settings({**self._execution.mark, **self._forced_settings}).encode())
        clause = source.encode() + b" SETTINGS " + b", ".join(settings) + f" FORMAT {self._head.format}".encode()
        try:
            with self._execution.handle.in_use() as connection:
                result = connection.query(self._head.text + clause, "Null")
                written = Statistics(written_rows=result.rows_written(), written_bytes=result.bytes_written())
                self._statistics = replace(
                    written,
                    read_rows=written.written_rows,
                    read_bytes=written.written_bytes,
                    elapsed_ns=int(result.elapsed() * 1e9),
                )
        except RuntimeError as error:
            self._error = parse_engine_error(str(error), hidden=source)
        finally:
            os.close(self._read_end)


def run_direct(execution: Execution, statement: Statement, output_format: str) -> tuple[bytes, Statistics]:
    """Run a statement that has no rows, or few; blocks. Raises ServerError."""
    if statement.first_word in ("SET", "USE"):
        output = execution.handle.run(statement.text, output_format, execution.parameters)
        if statement.first_word == "USE" and execution.is_session:
            current = execution.handle.run("SELECT currentDatabase()", "RawBLOB")[0]
            execution.handle.database = current.decode()
        return output
    with apply_settings(execution):
        return execution.handle.run(statement.text, output_format, execution.parameters)


@contextlib.contextmanager
def apply_settings(execution: Execution, extra: Mapping[str, str] | None = None) -> Iterator[None]:
    """SET the request's settings on the handle; in a session, put back what was there before."""
    settings = {**execution.all_settings, **(extra or {})}
    previous: Callable[[], None] | None = None
    if execution.is_session:
        previous = _remember_settings(execution.handle, list(execution.all_settings))
    execution.handle.run(f"SET {format_settings(settings)}".encode(errors="surrogateescape"))
    try:
        yield
    finally:
        if previous is not None:
            previous()


def _remember_settings(handle: Handle, names: list[str]) -> Callable[[], None]:
    listed = ", ".join(quote_string(name) for name in names)
    rows = handle.run(f"SELECT name, value, changed FROM system.settings WHERE name IN ({listed})", "JSONEachRow")
    before = {row["name"]: row for row in map(json.loads, rows[0].splitlines())}

    def restore() -> None:
        for name in names:
            row = before.get(name)
            value = quote_string(row["value"]) if row and row["changed"] else "DEFAULT"
            with contextlib.suppress(ServerError):
                handle.run(f"SET {name} = {value}")

    return restore


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""This module runs a statement and reads its result through a pipe.

The server adds INTO OUTFILE with the pipe's path to the statement. So a result of any format and size is streamed in
bounded memory, and chDB's connection never holds the whole result in its own buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from trailhouse.server.clickhouse_errors import ENGINE_ERRORS, ServerError, parse_engine_error
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.execution import PIPE_BYTES, Execution, widen_pipe
from trailhouse.server.engine.statistics import Statistics, read_statistics
from trailhouse.server.sql.settings_clause import format_settings
from trailhouse.server.sql.statement import Statement

_SMALL_READ_BYTES = 1 << 16
_FIRST_WAIT_SECONDS = 0.01
_KILL_AGAIN_SECONDS = 0.5


class ResultPipe:
    """A running statement; ``read`` returns its result piece by piece. Call the methods from the event loop."""

    def __init__(self, engine: Engine, executor: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._executor = executor
        self._read_size = _SMALL_READ_BYTES
        self._has_waited = False
        self.statistics = Statistics()
        self.error: ServerError | None = None
        self.is_finished = False

    def start(self, execution: Execution, statement: Statement, output_format: str) -> None:
        """Start the statement in a thread, and return at once."""
        self._loop = asyncio.get_running_loop()
        self._query_id = execution.query_id
        self._read_end, write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        widen_pipe(self._read_end)
        self._future = self._loop.run_in_executor(
            self._executor, self._run, execution, statement, output_format, write_end
        )

    async def read(self) -> bytes:
        """Return the next piece of the result. At the end, set ``statistics`` or ``error`` and return empty bytes."""
        while not self.is_finished:
            try:
                data = os.read(self._read_end, self._read_size)
            except BlockingIOError:
                await self._wait()
                continue
            if not data:
                await self._finish()
                return b""
            if len(data) == self._read_size:
                self._read_size = PIPE_BYTES
            return data
        return b""

    async def cancel(self) -> None:
        """Stop the query, and wait until the engine no longer uses the handle."""
        draining = self._loop.create_task(self._drain())
        # ask repeatedly, because the engine does not know the query before the query's thread has started
        while not draining.done():
            with contextlib.suppress(ServerError):
                await asyncio.to_thread(self._engine.kill, self._query_id)
            await asyncio.wait([draining], timeout=_KILL_AGAIN_SECONDS)
        await draining

    async def _drain(self) -> None:
        while await self.read():
            pass

    async def _finish(self) -> None:
        await asyncio.shield(self._future)
        if not self.is_finished:
            self.is_finished = True
            os.close(self._read_end)

    async def _wait(self) -> None:
        if self._has_waited:
            await self._wait_until_readable()
        else:
            self._has_waited = True
            await self._wait_until_done()

    async def _wait_until_done(self) -> None:
        """Wait until the statement has ended, for at most 10 ms.

        Most queries end within that time and leave their whole result in the pipe. Then the event loop wakes up once
        instead of three times.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._future.add_done_callback(lambda _: _resolve(done))
        timer = self._loop.call_later(_FIRST_WAIT_SECONDS, _resolve, done)
        await done
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
        except ENGINE_ERRORS as error:
            self.error = parse_engine_error(error, hidden=clause)
        finally:
            os.close(write_end)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

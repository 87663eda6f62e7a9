"""One query from request to response."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trailhouse.server.access.credentials import Role
from trailhouse.server.engine.default_database import DEFAULT_DATABASE
from trailhouse.server.engine.engine import Engine, Handle, Statistics
from trailhouse.server.engine.execution import Execution, InsertStream, ResultPipe, run_direct
from trailhouse.server.engine.sessions import Session, SessionTable
from trailhouse.server.errors import ServerError
from trailhouse.server.http.body import ClientGoneError, RequestBody
from trailhouse.server.http.buffered_result import HeldResult
from trailhouse.server.http.compression import MAX_SNAPPY_BYTES, choose_encoding, make_compressor
from trailhouse.server.http.external_tables import ExternalTable, drop_table, is_multipart, load_table, read_form
from trailhouse.server.http.native_blocks import BlockCompressor
from trailhouse.server.http.request import QueryRequest
from trailhouse.server.http.response import Responder
from trailhouse.server.sql.guard import ONLY_LITERALS
from trailhouse.server.sql.read_statement import StatementReader
from trailhouse.server.sql.statement import InsertHead, Kind, Statement

_STREAM_AFTER_BYTES = 1 << 20
_WATCH_AFTER_SECONDS = 0.1
_CLIENT_GONE = "the client left"
_READING_WORDS = frozenset({"SET", "USE", "EXPLAIN", "VALUES", "TABLE", ""})
_PYTHON_FORMATS = frozenset({"dataframe", "datastore", "arrowtable"})  # chDB's own, not ClickHouse's
_Value = TypeVar("_Value")


class QueryRunner:
    """Runs one request's statement; ``run`` either writes the whole response or raises ServerError."""

    def __init__(
        self,
        engine: Engine,
        executor: ThreadPoolExecutor,
        sessions: SessionTable,
        request: QueryRequest,
        role: Role,
        body: RequestBody,
        responder: Responder,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._sessions = sessions
        self._request = request
        self._role = role
        self._body = body
        self._responder = responder
        self._tables: list[ExternalTable] = []
        self._is_readonly = role is Role.READER or request.is_readonly_method

    async def run(self) -> None:
        """Read the statement, run it and answer."""
        if self._request.roles:
            role = self._request.roles[0]
            raise ServerError(511, "UNKNOWN_ROLE", f"There is no role `{role}` in user directories")
        if is_multipart(self._request):
            self._tables = await read_form(self._request, self._body)
        self._reader = StatementReader(self._engine, self._executor, self._request.query, self._body.stream())
        statement = await self._reader.read()
        session_id = self._request.options.get("session_id")
        if session_id is None:
            await self._run_on_pooled_handle(statement)
            return
        session = await self._sessions.acquire(
            self._role,
            session_id,
            self._request.session_timeout_seconds,
            must_exist=self._request.is_on("session_check"),
            has_answered=lambda: self._responder.has_finished,
        )
        try:
            await self._run_in_session(session, statement)
        finally:
            self._sessions.release(self._role, session_id, close=self._request.is_on("close_session"))

    async def _run_on_pooled_handle(self, statement: Statement | InsertHead) -> None:
        is_clean = False
        handle = self._engine.acquire(is_readonly=self._is_readonly)
        try:
            await self._execute(handle, statement, self._request.database or DEFAULT_DATABASE, is_session=False)
            is_clean = isinstance(statement, Statement) and statement.kind is Kind.RESULT and not self._tables
        finally:
            # a handle whose query failed, or that may have changed, is closed and never used again
            self._engine.release(handle, is_clean=is_clean)

    async def _run_in_session(self, session: Session, statement: Statement | InsertHead) -> None:
        handle = session.handle
        previous = handle.database
        if self._is_readonly and not handle.is_readonly:
            _refuse_writing(statement)
        try:
            await self._execute(handle, statement, self._request.database or previous, is_session=True)
        except BaseException:
            await asyncio.shield(self._in_thread(handle.wash))
            raise
        finally:
            for table in self._tables:
                await self._in_thread(drop_table, handle, table)
            if self._request.database and not (isinstance(statement, Statement) and statement.first_word == "USE"):
                await self._use_database(handle, previous)

    async def _use_database(self, handle: Handle, database: str) -> None:
        if database != handle.database:
            await self._in_thread(handle.use_database, database)

    async def _execute(
        self, handle: Handle, statement: Statement | InsertHead, database: str, *, is_session: bool
    ) -> None:
        await self._use_database(handle, database)
        for table in self._tables:
            await self._reader.check(table.definition)
            await self._in_thread(load_table, handle, table)
        settings = dict(self._request.settings)
        if handle.is_readonly and settings.get("readonly") in ("1", "2"):
            del settings["readonly"]  # it is already, and may not be set again
        execution = Execution(handle, self._request.parameters, settings, self._request.query_id, is_session)
        if isinstance(statement, InsertHead):
            await self._run_insert(execution, statement)
        elif statement.kind is Kind.RESULT:
            self._restrict_result(execution, statement)
            await self._run_result(execution, statement)
        else:
            await self._run_direct(execution, statement)

    def _restrict_result(self, execution: Execution, statement: Statement) -> None:
        """Make a statement that should only read do no more, on a handle that may write."""
        if not self._is_readonly:
            return
        if statement.first_word == "KILL":
            raise ServerError(164, "READONLY", "Cannot execute query in readonly mode.")
        if not execution.handle.is_readonly:
            if b"readonly" in statement.settings.lower():
                raise ServerError(164, "READONLY", "Cannot modify 'readonly' setting in readonly mode.")
            if execution.settings.get("readonly", "0") == "0":
                execution.settings["readonly"] = "2"

    async def _run_direct(self, execution: Execution, statement: Statement) -> None:
        output_format = self._output_format(statement)
        output, statistics = await self._in_thread(run_direct, execution, statement, output_format)
        has_result = bool(output) or statement.has_result
        await self._respond(output, output_format if has_result else None, statistics)

    async def _run_insert(self, execution: Execution, head: InsertHead) -> None:
        is_sql = head.format.lower() == "values" and await self._reader.check_values()
        stream = InsertStream(self._engine, execution, head, {} if is_sql else ONLY_LITERALS)
        try:
            await self._in_thread(stream.start)
            async for piece in self._reader.stream_rows():
                await self._in_thread(stream.append, piece)
            statistics = await self._in_thread(stream.finish)
        except BaseException:
            await asyncio.shield(self._in_thread(stream.cancel))
            raise
        await self._respond(b"", None, statistics)

    async def _run_result(self, execution: Execution, statement: Statement) -> None:
        output_format = self._output_format(statement)
        pipe = ResultPipe(self._engine, self._executor)
        pipe.start(execution, statement, output_format)
        async with self._watching_client():
            try:
                await self._send_result(pipe, output_format)
            finally:
                if not pipe.is_finished:
                    await asyncio.shield(pipe.cancel())

    @contextlib.asynccontextmanager
    async def _watching_client(self) -> AsyncGenerator[None, None]:
        """Turn the client's leaving into ClientGoneError, for a query that takes longer than a moment."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        watchers: list[asyncio.Task[None]] = []

        async def watch() -> None:
            await self._body.wait_for_disconnect()
            if task is not None:
                task.cancel(_CLIENT_GONE)

        timer = loop.call_later(_WATCH_AFTER_SECONDS, lambda: watchers.append(loop.create_task(watch())))
        try:
            yield
        except asyncio.CancelledError as cancelled:
            if cancelled.args == (_CLIENT_GONE,):
                raise ClientGoneError from None
            raise
        finally:
            timer.cancel()
            for watcher in watchers:
                watcher.cancel()

    def _output_format(self, statement: Statement) -> str:
        name = statement.format or self._request.default_format
        if not name.isalnum() or name.lower() in _PYTHON_FORMATS:
            raise ServerError(73, "UNKNOWN_FORMAT", f"Unknown format {name}")
        return name

    async def _send_result(self, pipe: ResultPipe, output_format: str) -> None:
        held = HeldResult()
        hold_bytes = MAX_SNAPPY_BYTES if self._choose_encoding(0) == "snappy" else _STREAM_AFTER_BYTES
        while data := await pipe.read():
            await held.append(data)
            if held.size_bytes > hold_bytes and not self._request.waits_for_end:
                break
        if pipe.error is not None:
            raise pipe.error
        if pipe.is_finished and held.is_in_memory:
            await self._respond(held.take(), output_format, pipe.statistics)
            return
        length = held.size_bytes if pipe.is_finished else None
        self._choose_compression(length)
        await self._responder.begin(output_format, pipe.statistics, length=length)
        async for piece in held.stream():
            await self._responder.write(piece)
        while data := await pipe.read():
            await self._responder.write(data)
        if pipe.error is not None:
            raise pipe.error
        await self._responder.finish()

    async def _respond(self, output: bytes, output_format: str | None, statistics: Statistics) -> None:
        if output:
            self._choose_compression(len(output))
        await self._responder.begin(output_format, statistics, length=len(output))
        await self._responder.finish(output)

    def _choose_compression(self, size_bytes: int | None) -> None:
        if self._request.is_on("compress"):
            self._responder.use_compressor(BlockCompressor(), None)
        elif (encoding := self._choose_encoding(size_bytes)) is not None:
            level = self._request.options.get("http_zlib_compression_level", "3")
            compressor = make_compressor(encoding, int(level) if level.isdigit() else 3)
            self._responder.use_compressor(compressor, encoding)

    def _choose_encoding(self, size_bytes: int | None) -> str | None:
        if self._request.is_on("compress") or not self._request.is_on("enable_http_compression"):
            return None
        return choose_encoding(self._request.headers.get("accept-encoding", ""), size_bytes)

    async def _in_thread(self, function: Callable[..., _Value], *arguments: object) -> _Value:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _refuse_writing(statement: Statement | InsertHead) -> None:
    if isinstance(statement, InsertHead) or (
        statement.kind is Kind.DIRECT and statement.first_word not in _READING_WORDS
    ):
        raise ServerError(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries",
        )

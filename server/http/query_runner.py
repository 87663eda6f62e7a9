"""This module runs the query of one request: it reads the statement, runs it and writes the response."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.execution import Execution, run_direct
from trailhouse.server.engine.handle import Handle
from trailhouse.server.engine.insert_stream import InsertStream
from trailhouse.server.engine.native_header import NativeHeader, may_lack_zones
from trailhouse.server.engine.result_pipe import ResultPipe
from trailhouse.server.engine.sessions import Session, SessionTable
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.http.buffered_result import BufferedResult
from trailhouse.server.http.client_watch import watching_client
from trailhouse.server.http.external_tables import (
    ExternalTable,
    create_table,
    drop_table,
    is_multipart,
    load_rows,
    read_form,
)
from trailhouse.server.http.readonly import refuse_writing, restrict_to_reading
from trailhouse.server.http.request import QueryRequest
from trailhouse.server.http.request_body import RequestBody
from trailhouse.server.http.response import Responder
from trailhouse.server.http.response_compression import choose_encoding, make_compressor
from trailhouse.server.http.statement_reader import StatementReader
from trailhouse.server.sql.dashboard_rules import refuse_dashboard_settings, refuse_for_dashboards
from trailhouse.server.sql.guard import DEFAULT_DATABASE, ONLY_LITERALS, has_name_parameter, refuse_hidden_names
from trailhouse.server.sql.insert_head import InsertHead
from trailhouse.server.sql.lexer import scan_tokens
from trailhouse.server.sql.statement import Kind, Statement

_STREAM_AFTER_BYTES = 1 << 20
_PYTHON_FORMATS = frozenset({"dataframe", "datastore", "arrowtable"})  # chDB has these formats, but ClickHouse does not
_REMOVING_WORDS = frozenset({"DROP", "DETACH", "RENAME", "EXCHANGE"})  # such a statement may remove a database
_Value = TypeVar("_Value")


class QueryRunner:
    """Runs the query of one request; ``run`` either writes the whole response or raises ServerError."""

    def __init__(
        self,
        engine: Engine,
        executor: ThreadPoolExecutor,
        sessions: SessionTable,
        request: QueryRequest,
        role: Role,
        body: RequestBody,
        responder: Responder,
        *,
        sends_late_errors: bool = False,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._sessions = sessions
        self._request = request
        self._role = role
        self._body = body
        self._responder = responder
        self._sends_late_errors = sends_late_errors
        self._tables: list[ExternalTable] = []
        self._created_tables: list[ExternalTable] = []  # a session drops them after the query
        self._is_readonly = role is not Role.ADMIN or request.is_readonly

    async def run(self) -> None:
        """Read the statement of the request, run it and write the response."""
        if self._request.roles:
            role = self._request.roles[0]
            raise ServerError(511, "UNKNOWN_ROLE", f"There is no role `{role}` in user directories")
        if is_multipart(self._request):
            self._tables = await read_form(self._request, self._body)
        self._reader = StatementReader(self._engine, self._executor, self._request.query, self._body.stream())
        statement = await self._reader.read()
        # the rows of an INSERT may have parameters, too
        if isinstance(statement, InsertHead) or has_name_parameter(statement.text):
            refuse_hidden_names(self._request.parameters)
        if self._role is Role.DASHBOARDS:
            await self._refuse_for_dashboards(statement)
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
            self._sessions.release(self._role, session_id)

    async def _refuse_for_dashboards(self, statement: Statement | InsertHead) -> None:
        """Apply the rules for the user for dashboards to the statement as the engine's own parser writes it."""
        refuse_dashboard_settings(list(self._request.settings))
        if isinstance(statement, InsertHead) or self._tables:
            raise ServerError(164, "READONLY", "Cannot execute query in readonly mode: the user only reads tables")
        written = await self._in_thread(self._engine.normalize, statement.text)
        refuse_for_dashboards(written, list(scan_tokens(written)), self._request.parameters)

    async def _run_on_pooled_handle(self, statement: Statement | InsertHead) -> None:
        is_clean = False
        database = self._request.database or DEFAULT_DATABASE
        handle = self._engine.acquire(self._role, is_readonly=self._is_readonly, database=database)
        try:
            await self._execute(handle, statement, database, is_session=False)
            is_clean = isinstance(statement, Statement) and statement.kind is Kind.RESULT and not self._tables
        finally:
            # the engine closes the handle if the query failed, or if the statement may have changed the handle's state
            self._engine.release(handle, is_clean=is_clean)
            self._retire_handles(statement)

    async def _run_in_session(self, session: Session, statement: Statement | InsertHead) -> None:
        handle = session.handle
        is_use = isinstance(statement, Statement) and statement.first_word == "USE"
        if self._is_readonly and not handle.is_readonly:
            refuse_writing(statement)
        try:
            # the session can leave a database that no longer exists
            before = handle.database if is_use else session.database
            await self._execute(handle, statement, self._request.database or before, is_session=True)
            if is_use:
                session.database = handle.database
        except BaseException:
            await asyncio.shield(self._in_thread(handle.discard_leftovers))
            raise
        finally:
            for table in self._created_tables:
                await self._in_thread(drop_table, handle, table)
            self._retire_handles(statement)

    def _retire_handles(self, statement: Statement | InsertHead) -> None:
        if isinstance(statement, Statement) and statement.first_word in _REMOVING_WORDS:
            self._engine.retire_handles()

    async def _use_database(self, handle: Handle, database: str) -> None:
        if database != handle.database:
            await self._in_thread(handle.use_database, database)

    async def _execute(
        self, handle: Handle, statement: Statement | InsertHead, database: str, *, is_session: bool
    ) -> None:
        await self._use_database(handle, database)
        await self._load_tables(handle, is_session=is_session)
        settings = dict(self._request.settings)
        if handle.is_readonly and settings.get("readonly") in ("1", "2"):
            del settings["readonly"]  # a read-only handle refuses to set readonly again
        execution = Execution(handle, self._request.parameters, settings, self._request.query_id, is_session)
        if isinstance(statement, InsertHead):
            await self._run_insert(execution, statement)
        elif statement.kind is Kind.RESULT:
            if self._is_readonly:
                restrict_to_reading(execution, statement)
            await self._run_result(execution, statement)
        else:
            await self._run_direct(execution, statement)

    async def _load_tables(self, handle: Handle, *, is_session: bool) -> None:
        """Load the external tables with the settings of the request, but not in its readonly mode."""
        settings = {name: value for name, value in self._request.settings.items() if name != "readonly"}
        execution = Execution(handle, {}, settings, self._request.query_id, is_session)
        for table in self._tables:
            await self._reader.check(table.definition)
            await self._in_thread(create_table, execution, table)
            self._created_tables.append(table)
            await self._in_thread(load_rows, self._engine, execution, table)

    async def _run_direct(self, execution: Execution, statement: Statement) -> None:
        output_format = self._choose_format(statement)
        output, statistics = await self._in_thread(run_direct, execution, statement, output_format)
        has_result = bool(output) or statement.has_result
        await self._respond(output, output_format if has_result else None, statistics)

    async def _run_insert(self, execution: Execution, head: InsertHead) -> None:
        may_have_expressions = head.format.lower() == "values" and await self._reader.check_values()
        stream = InsertStream(self._engine, execution, head, {} if may_have_expressions else ONLY_LITERALS)
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
        output_format = self._choose_format(statement)
        header = None
        if may_lack_zones(statement, output_format):
            header = NativeHeader(self._engine, execution, statement)
            if self._tables or execution.handle.has_own_state:
                await self._in_thread(header.describe_on_own_handle)
        pipe = ResultPipe(self._engine, self._executor)
        pipe.start(execution, statement, output_format)
        async with watching_client(self._body):
            try:
                await self._send_result(pipe, output_format, header)
            finally:
                if not pipe.is_finished:
                    await asyncio.shield(pipe.cancel())

    def _choose_format(self, statement: Statement) -> str:
        name = statement.format or self._request.default_format
        if not name.isalnum() or name.lower() in _PYTHON_FORMATS:
            raise ServerError(73, "UNKNOWN_FORMAT", f"Unknown format {name}")
        return name

    async def _send_result(self, pipe: ResultPipe, output_format: str, header: NativeHeader | None) -> None:
        least_bytes, most_bytes = self._choose_buffer()
        buffered = BufferedResult()
        beginning = b""
        while data := await pipe.read():
            await buffered.append(data)
            if header is not None and len(beginning) <= _STREAM_AFTER_BYTES:
                beginning += data
            if buffered.size_bytes > most_bytes:
                break
        if pipe.error is not None and buffered.size_bytes < least_bytes:
            raise pipe.error
        block = b""
        if header is not None and not header.is_needless(
            beginning, is_whole=pipe.is_finished and len(beginning) == buffered.size_bytes
        ):
            block = await self._in_thread(header.read, beginning)
        if pipe.is_finished and pipe.error is None and buffered.is_in_memory:
            await self._respond(block + buffered.join(), output_format, pipe.statistics)
            return
        is_whole = pipe.is_finished and pipe.error is None
        length = len(block) + buffered.size_bytes if is_whole else None
        self._choose_compression()
        await self._responder.begin(output_format, pipe.statistics, length=length)
        await self._responder.write(block)
        async for piece in buffered.stream():
            await self._responder.write(piece)
        while data := await pipe.read():
            await self._responder.write(data)
        if pipe.error is not None:
            raise pipe.error
        await self._responder.finish()

    def _choose_buffer(self) -> tuple[float, float]:
        """Return two sizes of a result in bytes.

        If a query fails after rows of the first size, they are sent before the error; fewer rows are left out. Rows of
        the second size are held back before the answer begins.
        """
        if self._request.waits_for_end:
            return math.inf, math.inf
        asked_bytes = self._request.buffer_bytes
        if asked_bytes is None:
            return (1 if self._sends_late_errors else math.inf), _STREAM_AFTER_BYTES
        return asked_bytes, max(asked_bytes, _STREAM_AFTER_BYTES)

    async def _respond(self, output: bytes, output_format: str | None, statistics: Statistics) -> None:
        if output:
            self._choose_compression()
        await self._responder.begin(output_format, statistics, length=len(output))
        await self._responder.finish(output)

    def _choose_compression(self) -> None:
        if not self._request.is_on("enable_http_compression"):
            return
        encoding = choose_encoding(self._request.headers.get("accept-encoding", ""))
        if encoding is not None:
            self._responder.use_compressor(make_compressor(encoding), encoding)

    async def _in_thread(self, function: Callable[..., _Value], *arguments: object) -> _Value:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

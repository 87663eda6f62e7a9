"""One query from request to response."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TypeVar

from trailhouse.warehouse.embedded.body import ClientGoneError, RequestBody
from trailhouse.warehouse.embedded.compression import choose_encoding, make_compressor
from trailhouse.warehouse.embedded.credentials import Role
from trailhouse.warehouse.embedded.engine import DEFAULT_DATABASE, Engine, Handle, Statistics
from trailhouse.warehouse.embedded.errors import ServerError
from trailhouse.warehouse.embedded.execution import Execution, InsertStream, ResultPipe, run_direct
from trailhouse.warehouse.embedded.guard import needs_second_opinion, refuse_forbidden_values
from trailhouse.warehouse.embedded.request import QueryRequest
from trailhouse.warehouse.embedded.response import Responder
from trailhouse.warehouse.embedded.sessions import Session, SessionTable
from trailhouse.warehouse.embedded.statement import (
    InsertHead,
    Kind,
    Statement,
    find_insert_head,
    is_insert,
    parse_statement,
)

_MAX_STATEMENT_BYTES = 1 << 20
_MAX_CHECKED_VALUES_BYTES = 4 << 20
_INSERT_PIECE_BYTES = 1 << 20
_STREAM_AFTER_BYTES = 1 << 20
_MEMORY_RESULT_BYTES = 64 << 20
_READONLY_WORDS = frozenset({"SET", "USE", "EXPLAIN", "VALUES", "TABLE", ""})
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
        self._pieces = body.stream()
        self._is_readonly = role is Role.READER or request.is_readonly_method

    async def run(self) -> None:
        """Read the statement, run it and answer."""
        if self._request.roles:
            raise ServerError(511, "UNKNOWN_ROLE", f"There is no role `{self._request.roles[0]}` in user directories")
        statement, rest = await self._read_statement()
        session_id = self._request.options.get("session_id")
        if session_id is None:
            await self._run_on_pooled_handle(statement, rest)
            return
        session = self._sessions.acquire(
            self._role,
            session_id,
            self._request.session_timeout_seconds,
            must_exist=self._request.is_on("session_check"),
        )
        try:
            await self._run_in_session(session, statement, rest)
        finally:
            self._sessions.release(self._role, session_id, close=self._request.is_on("close_session"))

    async def _run_on_pooled_handle(self, statement: Statement | InsertHead, rest: bytes) -> None:
        is_clean = False
        handle = await self._in_thread(lambda: self._engine.acquire(is_readonly=self._is_readonly))
        try:
            await self._use_database(handle, self._request.database or DEFAULT_DATABASE)
            await self._execute(handle, statement, rest, is_session=False)
            is_clean = isinstance(statement, Statement) and statement.kind is Kind.RESULT
        finally:
            # whatever failed or changed the handle's state is closed, never used again
            self._engine.release(handle, is_clean=is_clean)

    async def _run_in_session(self, session: Session, statement: Statement | InsertHead, rest: bytes) -> None:
        handle = session.handle
        previous = handle.database
        is_clean = False
        if self._is_readonly and not handle.is_readonly:
            _refuse_writing(statement)
        try:
            await self._use_database(handle, self._request.database or previous)
            await self._execute(handle, statement, rest, is_session=True)
            is_clean = True
        finally:
            if not is_clean:
                await self._in_thread(handle.wash)
            if self._request.database and not (isinstance(statement, Statement) and statement.first_word == "USE"):
                await self._use_database(handle, previous)

    async def _use_database(self, handle: Handle, database: str) -> None:
        if database != handle.database:
            await self._in_thread(lambda: handle.use_database(database))

    async def _execute(
        self, handle: Handle, statement: Statement | InsertHead, rest: bytes, *, is_session: bool
    ) -> None:
        settings = dict(self._request.settings)
        if handle.is_readonly and settings.get("readonly") in ("1", "2"):
            del settings["readonly"]  # it is already, and may not be set again
        elif self._is_readonly and not handle.is_readonly and settings.get("readonly", "0") == "0":
            settings["readonly"] = "2"
        execution = Execution(handle, self._request.parameters, settings, self._request.query_id, is_session)
        if isinstance(statement, InsertHead):
            await self._run_insert(execution, statement, rest)
        elif statement.kind is Kind.RESULT:
            if statement.first_word == "KILL" and self._is_readonly:
                raise ServerError(164, "READONLY", "Cannot execute query in readonly mode.")
            await self._run_result(execution, statement)
        else:
            if is_session and self._is_readonly:
                execution.settings.pop("readonly", None)
            await self._run_direct(execution, statement)

    async def _read_statement(self) -> tuple[Statement | InsertHead, bytes]:
        """The statement, and for an INSERT with rows the part of them that has already arrived."""
        buffer = self._request.query
        if buffer:
            buffer += b"\n"
        head = None
        if not is_insert(buffer) and buffer.strip():
            buffer += await self._read_text(len(buffer))
        else:
            async for piece in self._pieces:
                buffer += piece
                if is_insert(buffer):
                    head = find_insert_head(buffer, is_whole=False)
                if head is not None:
                    break
                if len(buffer) > _MAX_STATEMENT_BYTES:
                    raise _too_large()
            if head is None and is_insert(buffer):
                head = find_insert_head(buffer, is_whole=True)
        if head is not None:
            await self._confirm(head.text + b" FORMAT Null")
            return head, buffer[head.data_start :]
        statement = await self._in_thread(lambda: parse_statement(buffer))
        await self._confirm(statement.text)
        return statement, b""

    async def _read_text(self, already: int) -> bytes:
        parts = []
        async for piece in self._pieces:
            parts.append(piece)
            already += len(piece)
            if already > _MAX_STATEMENT_BYTES:
                raise _too_large()
        return b"".join(parts)

    async def _confirm(self, text: bytes) -> None:
        """Let the engine's parser rewrite what mentions a forbidden word, and check that too."""
        if needs_second_opinion(text):
            normal = await self._in_thread(lambda: self._engine.normalize(text))
            await self._in_thread(lambda: parse_statement(normal))

    async def _run_direct(self, execution: Execution, statement: Statement) -> None:
        output_format = statement.format or self._request.default_format
        output, statistics = await self._in_thread(
            lambda: run_direct(execution, statement, self._request.default_format)
        )
        has_result = bool(output) or statement.has_result
        await self._respond(output, output_format if has_result else None, statistics)

    async def _run_insert(self, execution: Execution, head: InsertHead, rest: bytes) -> None:
        stream = InsertStream(execution, head)
        try:
            if head.format.lower() == "values":
                rest = await self._check_values(execution, rest)
            await self._in_thread(stream.start)
            async for piece in self._gather_pieces(rest):
                await self._in_thread(stream.append, piece)
            statistics = await self._in_thread(stream.finish)
        except BaseException:
            await asyncio.shield(self._in_thread(stream.cancel))
            raise
        await self._respond(b"", None, statistics)

    async def _check_values(self, execution: Execution, rest: bytes) -> bytes:
        """Rows in VALUES may be expressions: look at them, or where there are too many allow only literals."""
        parts, size = [rest], len(rest)
        async for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size > _MAX_CHECKED_VALUES_BYTES:
                execution.settings.update(
                    input_format_values_interpret_expressions="0",
                    input_format_values_deduce_templates_of_expressions="0",
                )
                return b"".join(parts)
        data = b"".join(parts)
        await self._in_thread(lambda: refuse_forbidden_values(data))
        return data

    async def _gather_pieces(self, rest: bytes) -> AsyncIterator[bytes]:
        parts, size = [rest], len(rest)
        async for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= _INSERT_PIECE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        if size:
            yield b"".join(parts)

    async def _run_result(self, execution: Execution, statement: Statement) -> None:
        if self._is_readonly and not execution.handle.is_readonly and b"readonly" in statement.settings.lower():
            raise ServerError(164, "READONLY", "Cannot modify 'readonly' setting in readonly mode.")
        output_format = statement.format or self._request.default_format
        if not output_format.isalnum():
            raise ServerError(73, "UNKNOWN_FORMAT", f"Unknown format {output_format}")
        pipe = ResultPipe(self._engine, self._executor)
        pipe.start(execution, statement, output_format)
        watcher = asyncio.get_running_loop().create_task(self._body.wait_for_disconnect())
        sender = asyncio.ensure_future(self._send_result(pipe, output_format))
        try:
            await asyncio.wait((watcher, sender), return_when=asyncio.FIRST_COMPLETED)
            if not sender.done():
                raise ClientGoneError
            await sender
        except BaseException:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            if not pipe.is_finished:
                await asyncio.shield(pipe.cancel())
            raise
        finally:
            watcher.cancel()

    async def _send_result(self, pipe: ResultPipe, output_format: str) -> None:
        held = _HeldResult()
        while data := await pipe.read():
            await held.append(data, self._in_thread)
            if held.size > _STREAM_AFTER_BYTES and not self._request.waits_for_end:
                break
        else:
            if pipe.error is not None:
                raise pipe.error
            await self._respond_held(held, output_format, pipe.statistics)
            return
        self._choose_compression()
        await self._responder.begin(output_format, Statistics(), length=None)
        async for piece in held.stream(self._in_thread):
            await self._responder.write(piece)
        while data := await pipe.read():
            await self._responder.write(data)
        if pipe.error is not None:
            raise pipe.error
        await self._responder.finish()

    async def _respond_held(self, held: _HeldResult, output_format: str, statistics: Statistics) -> None:
        if held.is_in_memory:
            await self._respond(held.take(), output_format, statistics)
            return
        self._choose_compression()
        await self._responder.begin(output_format, statistics, length=held.size)
        async for piece in held.stream(self._in_thread):
            await self._responder.write(piece)
        await self._responder.finish()

    async def _respond(self, output: bytes, output_format: str | None, statistics: Statistics) -> None:
        if output:
            self._choose_compression()
        await self._responder.begin(output_format, statistics, length=len(output))
        await self._responder.finish(output)

    def _choose_compression(self) -> None:
        if self._request.is_on("enable_http_compression"):
            encoding = choose_encoding(self._request.headers.get("accept-encoding", ""))
            if encoding is not None:
                level = self._request.options.get("http_zlib_compression_level", "3")
                self._responder.use_compressor(
                    make_compressor(encoding, int(level) if level.isdigit() else 3), encoding
                )

    async def _in_thread(self, function: Callable[..., _Value], *arguments: object) -> _Value:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


class _HeldResult:
    """A result held back until its status is known: in memory, and beyond 64 MiB in a temporary file."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0

    @property
    def is_in_memory(self) -> bool:
        return self._file is None

    async def append(self, data: bytes, in_thread: Callable[..., object]) -> None:
        self.size += len(data)
        self._parts.append(data)
        if self.size > _MEMORY_RESULT_BYTES:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed when it is sent
            await in_thread(self._file.writelines, self._parts)  # type: ignore[misc]
            self._parts = []

    def take(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def stream(self, in_thread: Callable[..., object]) -> AsyncIterator[bytes]:
        if self._file is not None:
            self._file.seek(0)
            while data := await in_thread(self._file.read, 1 << 20):  # type: ignore[misc]
                yield data
            self._file.close()
        for part in self._parts:
            yield part


def _refuse_writing(statement: Statement | InsertHead) -> None:
    if isinstance(statement, InsertHead) or (
        statement.kind is Kind.DIRECT and statement.first_word not in _READONLY_WORDS
    ):
        raise ServerError(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries",
        )


def _too_large() -> ServerError:
    return ServerError(
        62, "SYNTAX_ERROR", f"Max query size exceeded: a statement may have {_MAX_STATEMENT_BYTES} bytes", status=413
    )

"""From a request's URL and body to the statement it asks for, checked twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from trailhouse.server.engine.engine import Engine
from trailhouse.server.errors import ServerError
from trailhouse.server.sql.guard import needs_second_opinion, refuse_forbidden_values
from trailhouse.server.sql.statement import (
    InsertHead,
    Statement,
    find_insert_head,
    is_insert,
    parse_statement,
)

MAX_STATEMENT_BYTES = 1 << 20
_MAX_CHECKED_VALUES_BYTES = 4 << 20
_INSERT_PIECE_BYTES = 1 << 20
_INLINE_PARSE_BYTES = 1 << 13


class StatementReader:
    """Reads one request's statement, and for an INSERT the rows that follow it."""

    def __init__(
        self, engine: Engine, executor: ThreadPoolExecutor, query: bytes, pieces: AsyncIterator[bytes]
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._buffer = query + b"\n" if query else b""
        self._pieces = pieces
        self._rows = b""

    async def read(self) -> Statement | InsertHead:
        """The statement. Raises ServerError where it is too long, forbidden, or more than one."""
        head = None
        if self._buffer.strip() and not is_insert(self._buffer):
            await self._read_to_end()
        else:
            head = await self._read_insert_head()
        if head is not None:
            self._rows = self._buffer[head.data_start :]
            settings = b" SETTINGS " + head.settings if head.settings else b""
            await self._confirm(head.text + settings + b" FORMAT Null")
            return head
        return await self.check(self._buffer)

    async def check(self, text: bytes) -> Statement:
        """Parse one statement, and let the engine's parser confirm what it says. Raises ServerError."""
        statement = await self._parse(text)
        await self._confirm(statement.text)
        return statement

    async def stream_rows(self) -> AsyncIterator[bytes]:
        """The rows of an INSERT, in pieces of about a mebibyte."""
        parts, size = [self._rows], len(self._rows)
        async for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= _INSERT_PIECE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        if size:
            yield b"".join(parts)

    async def check_values(self) -> bool:
        """Look at rows in the Values format, whose expressions the engine runs.

        Returns False where there are too many to look at: then only literals may be let through.
        """
        async for piece in self._pieces:
            self._rows += piece
            if len(self._rows) > _MAX_CHECKED_VALUES_BYTES:
                return False
        await asyncio.get_running_loop().run_in_executor(self._executor, refuse_forbidden_values, self._rows)
        return True

    async def _read_to_end(self) -> None:
        async for piece in self._pieces:
            self._buffer += piece
            if len(self._buffer) > MAX_STATEMENT_BYTES:
                raise _too_large()

    async def _read_insert_head(self) -> InsertHead | None:
        async for piece in self._pieces:
            self._buffer += piece
            if (head := self._find_insert_head(is_whole=False)) is not None:
                return head
            if len(self._buffer) > MAX_STATEMENT_BYTES:
                raise _too_large()
        return self._find_insert_head(is_whole=True)

    def _find_insert_head(self, *, is_whole: bool) -> InsertHead | None:
        return find_insert_head(self._buffer, is_whole=is_whole) if is_insert(self._buffer) else None

    async def _confirm(self, text: bytes) -> None:
        """Let the engine's parser rewrite what mentions a forbidden word, and check that too."""
        if needs_second_opinion(text):
            normal = await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.normalize, text)
            await self._parse(normal)

    async def _parse(self, text: bytes) -> Statement:
        if len(text) < _INLINE_PARSE_BYTES:
            return parse_statement(text)
        return await asyncio.get_running_loop().run_in_executor(self._executor, parse_statement, text)


def _too_large() -> ServerError:
    text = f"Max query size exceeded: a statement may have {MAX_STATEMENT_BYTES} bytes"
    return ServerError(62, "SYNTAX_ERROR", text, status=413)

"""This module reads the statement of a request from its URL and body, and the rows that follow an INSERT.

The guard (``server/sql/guard.py``) checks the tokens of each statement. If a statement has no result, or contains a
word that may be forbidden, the engine's own parser rewrites the statement, and the guard checks the rewritten statement
too.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.sql.guard import mentions_forbidden_word, refuse_forbidden_values
from trailhouse.server.sql.insert_head import InsertHead, NoHead, find_insert_head, refuse_second_statement
from trailhouse.server.sql.statement import Kind, Statement, parse_statement

MAX_STATEMENT_BYTES = 1 << 20
_MAX_CHECKED_VALUES_BYTES = 4 << 20
_INSERT_PIECE_BYTES = 1 << 20
_INLINE_PARSE_BYTES = 1 << 13


class StatementReader:
    """Reads a statement that consists of ``query``, a line break and ``pieces``, the pieces of the request's body."""

    def __init__(
        self, engine: Engine, executor: ThreadPoolExecutor, query: bytes, pieces: AsyncIterator[bytes]
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._buffer = query + b"\n" if query else b""
        self._pieces = pieces
        self._rows = b""

    async def read(self) -> Statement | InsertHead:
        """Return the request's statement. If the rows of an INSERT follow in the body, return the SQL before them.

        Raises ServerError if the statement is too long or forbidden, or if the request has several statements.
        """
        head = await self._read_head()
        if isinstance(head, InsertHead):
            if head.is_explained:  # the engine would ignore the rows
                await self._skip_rows()
                return await self.check(self._buffer[: head.data_start])
            self._rows = self._buffer[head.data_start :]
            settings = b" SETTINGS " + head.settings if head.settings else b""
            await self._check_normalized(head.text + settings + b" FORMAT Null")
            return head
        await self._read_to_end()
        if head is NoHead.UNCLEAR:
            await self._refuse_unclear_insert()
        return await self.check(self._buffer)

    async def check(self, text: bytes) -> Statement:
        """Parse the statement and let the guard check it. Raises ServerError if it is forbidden or does not parse."""
        statement = await self._parse(text)
        # its kind, such as SET ROLE, may decide whether a statement without result is allowed
        await self._check_normalized(statement.text, is_needed=statement.kind is Kind.DIRECT)
        return statement

    async def stream_rows(self) -> AsyncIterator[bytes]:
        """Yield the rows of an INSERT, in pieces of about a mebibyte."""
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
        """Check the SQL expressions in the rows of an INSERT in the Values format, because the engine would run them.

        Returns True if all expressions are allowed. Returns False if the rows are too large to be checked. The caller
        must then let the engine refuse every expression, with the settings ``ONLY_LITERALS``. Raises ServerError if an
        expression is forbidden, or if another statement follows the rows.
        """
        async for piece in self._pieces:
            self._rows += piece
            if len(self._rows) > _MAX_CHECKED_VALUES_BYTES:
                return False
        await asyncio.get_running_loop().run_in_executor(self._executor, _check_values, self._rows)
        return True

    async def _read_to_end(self) -> None:
        self._refuse_too_long_statement()
        async for piece in self._pieces:
            self._buffer += piece
            self._refuse_too_long_statement()

    async def _skip_rows(self) -> None:
        async for _ in self._pieces:
            pass

    async def _read_head(self) -> InsertHead | NoHead:
        """Read the body until it is clear whether rows follow the statement, and return the head of the INSERT."""
        tried_bytes = 0
        if self._buffer.strip() and (head := await self._find_head(is_complete=False)) is not NoHead.UNDECIDED:
            return head
        async for piece in self._pieces:
            self._buffer += piece
            # the next try has twice as much to read, so that all tries together take time in proportion to the body
            if len(self._buffer) < 2 * tried_bytes and len(self._buffer) <= MAX_STATEMENT_BYTES:
                continue
            tried_bytes = len(self._buffer)
            if (head := await self._find_head(is_complete=False)) is not NoHead.UNDECIDED:
                return head
            self._refuse_too_long_statement()
        return await self._find_head(is_complete=True)

    async def _find_head(self, *, is_complete: bool) -> InsertHead | NoHead:
        if len(self._buffer) < _INLINE_PARSE_BYTES:
            return find_insert_head(self._buffer, is_complete=is_complete)
        find = functools.partial(find_insert_head, self._buffer, is_complete=is_complete)
        return await asyncio.get_running_loop().run_in_executor(self._executor, find)

    async def _refuse_unclear_insert(self) -> None:
        """Raise ServerError 62: the engine's own error, or another one if the engine can parse the statement."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.normalize, self._buffer)
        raise ServerError(62, "SYNTAX_ERROR", "Syntax error: cannot tell where the rows of this INSERT begin")

    def _refuse_too_long_statement(self) -> None:
        if len(self._buffer) > MAX_STATEMENT_BYTES:
            text = f"Max query size exceeded: a statement may have {MAX_STATEMENT_BYTES} bytes"
            raise ServerError(62, "SYNTAX_ERROR", text, status=413)

    async def _check_normalized(self, text: bytes, *, is_needed: bool = False) -> None:
        if is_needed or mentions_forbidden_word(text):
            normalized = await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.normalize, text)
            await self._parse(normalized)

    async def _parse(self, text: bytes) -> Statement:
        if len(text) < _INLINE_PARSE_BYTES:
            return parse_statement(text)
        return await asyncio.get_running_loop().run_in_executor(self._executor, parse_statement, text)


def _check_values(rows: bytes) -> None:
    refuse_forbidden_values(rows)
    refuse_second_statement(rows)

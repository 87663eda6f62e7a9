"""The chDB engine: one data directory, any number of handles, and what a statement left behind.

A handle whose statement failed is closed, never used again: chDB 4.4 returns a failed query's bytes as the
next query's answer. A session keeps its handle, and washes it with a throw-away query instead.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trailhouse.errors import UnreachableError
from trailhouse.server.engine.configuration import write_configuration
from trailhouse.server.engine.default_database import DEFAULT_DATABASE, prepare_metadata, replace_overlay
from trailhouse.server.errors import ServerError, parse_engine_error
from trailhouse.server.sql.statement import QUERY_ID_EXPRESSION

_POOL_SIZE = 16


@dataclass(frozen=True)
class Statistics:
    """What a statement read, wrote and returned."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


class Handle:
    """One chDB connection. Not for two threads at once."""

    def __init__(self, connection: Any, *, is_readonly: bool) -> None:  # noqa: ANN401  chDB has no types
        self.connection = connection
        self.is_readonly = is_readonly
        self.database = DEFAULT_DATABASE
        self._is_busy = False

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Any]:
        """The connection, while a thread works with it."""
        self._is_busy = True
        try:
            yield self.connection
        finally:
            self._is_busy = False

    def run(
        self, sql: bytes | str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> tuple[bytes, Statistics]:
        """Run one statement and return its whole output. Raises ServerError."""
        try:
            with self.in_use() as connection:
                result = connection.query(sql, output_format, params=dict(parameters or {}))
                return result.bytes() or b"", read_statistics(result)
        except RuntimeError as error:
            raise parse_engine_error(str(error)) from None

    def use_database(self, database: str) -> None:
        """Make ``database`` the current one. Raises ServerError 81 where there is none."""
        if database != self.database:
            self.run(f"USE {quote_identifier(database)}")
            self.database = database

    def wash(self) -> None:
        """Swallow the bytes that a failed query may have left in the handle."""
        for _ in range(2):
            try:
                self.connection.query("SELECT 1", "Null")
            except RuntimeError:
                continue

    def close(self) -> None:
        """Close the connection, unless a thread still works with it: closing would wait for that."""
        if not self._is_busy:
            self.connection.close()


class Engine:
    """The open data directory, and clean handles to it."""

    def __init__(self, directory: Path, *, memory_limit_bytes: int) -> None:
        configuration = write_configuration(directory, memory_limit_bytes=memory_limit_bytes)
        prepare_metadata(directory)
        # the engine reads config.xml from the working directory, and chDB opens an engine when it is imported
        os.chdir(configuration.parent)
        import chdb

        self._connect: Callable[[str], Any] = chdb.connect
        # chDB takes both paths as they stand; like a server, and unlike clickhouse-local, SELECT must be said
        self._address = f"{directory}?config-file={configuration}&implicit_select=0"
        self._lock = threading.Lock()
        self._idle: dict[bool, list[Handle]] = {False: [], True: []}
        try:
            self._keeper = Handle(self._connect(self._address), is_readonly=False)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise UnreachableError(
                f"the engine cannot open the warehouse directory {directory}: {_first_line(str(error))}",
                "close any other program that has it open in chDB",
            ) from error
        replace_overlay(directory, self._keeper.run)
        self.version = self._keeper.run("SELECT version()")[0].decode().strip()
        self.timezone = self._keeper.run("SELECT timezone()")[0].decode().strip()

    def acquire(self, *, is_readonly: bool) -> Handle:
        """A clean handle; a read-only one can never write again, whatever its statements say."""
        with self._lock:
            if self._idle[is_readonly]:
                return self._idle[is_readonly].pop()
        handle = Handle(self._connect(self._address), is_readonly=is_readonly)
        if is_readonly:
            handle.run("SET readonly = 2")
        return handle

    def release(self, handle: Handle, *, is_clean: bool) -> None:
        """Give a handle back; closed unless nothing of its statement can be left in it."""
        if is_clean:
            with self._lock:
                idle = self._idle[handle.is_readonly]
                if len(idle) < _POOL_SIZE:
                    idle.append(handle)
                    return
        handle.close()

    def kill(self, query_id: str) -> None:
        """Ask the engine to stop the query that carries this id; returns at once."""
        condition = f"{QUERY_ID_EXPRESSION} = {quote_string(query_id)}"
        handle = self.acquire(is_readonly=False)
        try:
            handle.run(f"KILL QUERY WHERE {condition} ASYNC", "Null")
        finally:
            self.release(handle, is_clean=False)

    def normalize(self, text: bytes) -> bytes:
        """The statement as the engine's own parser writes it back. Raises ServerError where it cannot."""
        handle = self.acquire(is_readonly=True)
        try:
            literal = quote_string(text.decode(errors="surrogateescape"))
            sql = f"SELECT formatQuerySingleLine({literal}) SETTINGS max_query_size = {16 << 20}"
            output = handle.run(sql.encode(errors="surrogateescape"), "RawBLOB")[0]
        except ServerError:
            self.release(handle, is_clean=False)
            raise
        self.release(handle, is_clean=True)
        return output

    def kill_all(self) -> None:
        """Ask every running query to stop."""
        self._keeper.run("KILL QUERY WHERE 1 ASYNC", "Null")

    def close(self) -> None:
        """Close every idle handle and then the engine."""
        with self._lock:
            for handles in self._idle.values():
                for handle in handles:
                    handle.close()
                handles.clear()
        self._keeper.close()


def quote_string(text: str) -> str:
    """A SQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def quote_identifier(name: str) -> str:
    """A SQL identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`").replace("\0", "\\0")
    return f"`{escaped}`"


def format_settings(settings: Mapping[str, str]) -> str:
    """``name = 'value', ...``, as SET and SETTINGS take it."""
    return ", ".join(f"{name} = {quote_string(value)}" for name, value in settings.items())


def read_statistics(result: Any) -> Statistics:  # noqa: ANN401  chDB has no types
    """The engine's counts for a finished query; what it read from storage, not what it returned."""
    return Statistics(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=result.bytes_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"

"""This module runs the chDB engine of one data directory, and keeps its idle connections for later statements."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trailhouse.errors import UnreachableError
from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.configuration import write_configuration
from trailhouse.server.engine.default_database import prepare_metadata, replace_overlay
from trailhouse.server.engine.handle import Handle
from trailhouse.server.sql.dashboard_rules import limit_settings
from trailhouse.server.sql.guard import DEFAULT_DATABASE
from trailhouse.server.sql.settings_clause import format_settings
from trailhouse.server.sql.statement import QUERY_ID_EXPRESSION
from trailhouse.support.quoting import quote_literal

_POOL_SIZE = 16
_MAX_QUERY_BYTES = 16 << 20


class Engine:
    """The chDB engine with one data directory open. Its methods may be called from any thread.

    The constructor raises UnreachableError if the engine cannot open the directory.
    """

    def __init__(self, directory: Path, *, memory_limit_bytes: int, published_tables: Sequence[str] = ()) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        shown, self._descriptor = _hide_path(directory)
        configuration = write_configuration(
            directory, memory_limit_bytes=memory_limit_bytes, shown_directory=shown, published_tables=published_tables
        )
        prepare_metadata(directory)
        # Importing chDB opens an engine, which reads config.xml from the working directory. So the process first
        # changes to a directory that has no such file.
        os.chdir(configuration.parent)
        import chdb

        self._connect: Callable[[str], Any] = chdb.connect
        # with implicit_select=0, the engine refuses a query without the word SELECT, as a ClickHouse server does
        self._address = f"{shown}?config-file={shown / configuration.relative_to(directory)}&implicit_select=0"
        self._lock = threading.Lock()
        # idle handles by their user and by whether they only read
        kinds = [(role, is_readonly) for role in Role for is_readonly in (False, True)]
        self._idle: dict[tuple[Role, bool], list[Handle]] = {kind: [] for kind in kinds}
        self._generation = 0
        try:
            # this handle keeps the engine open while no other handle is open
            self._keeper = self._open(Role.ADMIN, is_readonly=False)
        except RuntimeError as error:
            raise UnreachableError(
                f"the engine cannot open the warehouse directory {directory}: {_first_line(str(error))}",
                "close any other program that has it open in chDB",
            ) from error
        replace_overlay(directory, self._keeper.run)
        self.version = self._keeper.run("SELECT version()")[0].decode().strip()
        self.timezone = self._keeper.run("SELECT timezone()")[0].decode().strip()

    def acquire(self, role: Role, *, is_readonly: bool, database: str = DEFAULT_DATABASE) -> Handle:
        """Return a handle of a user that has nothing of earlier requests: no settings, temporary tables or time zone.

        An idle handle is returned if its current database is ``database``, and otherwise a new handle, whose current
        database is the default one. No statement on a read-only handle can write or end the read-only mode.
        """
        with self._lock:
            generation = self._generation
            idle = self._idle[role, is_readonly]
            for index in reversed(range(len(idle))):
                if idle[index].database == database:
                    return idle.pop(index)
        return self._open(role, is_readonly=is_readonly, generation=generation)

    def _open(self, role: Role, *, is_readonly: bool, generation: int = 0) -> Handle:
        connection = self._connect(self._address)
        handle = Handle(connection, role=role, is_readonly=is_readonly, generation=generation)
        statements = [f"SET ROLE {role}"]
        if role is Role.DASHBOARDS:
            statements.append(f"SET {format_settings(limit_settings(self._memory_limit_bytes))}")
        if is_readonly:
            statements.append("SET readonly = 2")
        try:
            for statement in statements:
                handle.run(statement)
        except ServerError:
            handle.close()
            raise
        return handle

    def release(self, handle: Handle, *, is_clean: bool) -> None:
        """Take back a handle from ``acquire``.

        ``is_clean`` is true if every statement on the handle succeeded and left the handle's state unchanged.
        A clean handle is kept for later statements of its user, and the oldest one is closed if the pool has no room
        for it. Any other handle is closed.
        """
        surplus = [handle]
        with self._lock:
            if is_clean and handle.generation == self._generation:
                idle = self._idle[handle.role, handle.is_readonly]
                idle.append(handle)
                surplus = idle[:-_POOL_SIZE]
                del idle[:-_POOL_SIZE]
        for each in surplus:
            each.close()

    def retire_handles(self) -> None:
        """Close every idle handle, and every other handle when it is released.

        Call this method after a statement that may have removed a database: the database may be the current one of a
        handle, and the engine would not tell the handle's next user that it does not exist.
        """
        with self._lock:
            self._generation += 1
            retired = [handle for handles in self._idle.values() for handle in handles]
            for handles in self._idle.values():
                handles.clear()
        for handle in retired:
            handle.close()

    def kill(self, query_id: str) -> None:
        """Ask the engine to stop the query to which a client gave this query id. The call does not wait for its end."""
        condition = f"{QUERY_ID_EXPRESSION} = {quote_literal(query_id)}"
        handle = self.acquire(Role.ADMIN, is_readonly=False)
        try:
            handle.run(f"KILL QUERY WHERE {condition} ASYNC", "Null")
        finally:
            self.release(handle, is_clean=False)

    def normalize(self, text: bytes) -> bytes:
        """Parse a statement with the engine's own parser, and return the SQL that the engine formats from the result.

        Raises ServerError if the statement does not parse.
        """
        handle = self.acquire(Role.ADMIN, is_readonly=True)
        try:
            literal = quote_literal(text.decode(errors="surrogateescape"))
            sql = f"SELECT formatQuerySingleLine({literal}) SETTINGS max_query_size = {_MAX_QUERY_BYTES}"
            output = handle.run(sql.encode(errors="surrogateescape"), "RawBLOB")[0]
        except ServerError as error:
            self.release(handle, is_clean=False)
            # the client did not write the statement that the error quotes
            reason = error.text.partition(": In scope SELECT formatQuerySingleLine(")[0]
            raise ServerError(error.code, error.name, reason) from None
        self.release(handle, is_clean=True)
        return output

    def kill_all(self) -> None:
        """Ask the engine to stop every running query. The call does not wait for the end of the queries."""
        self._keeper.run("KILL QUERY WHERE 1 ASYNC", "Null")

    def close(self) -> None:
        """Close every idle handle, and then the engine."""
        self.retire_handles()
        self._keeper.close()
        if self._descriptor is not None:
            os.close(self._descriptor)


def _hide_path(directory: Path) -> tuple[Path, int | None]:
    """Return a path of the directory that does not tell users where the directory is, and its descriptor.

    System tables and errors of the engine contain the path. Without /proc, the path is the directory's own, and the
    descriptor is None.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    hidden = Path(f"/proc/self/fd/{descriptor}")
    if hidden.is_dir():
        return hidden, descriptor
    os.close(descriptor)
    return directory, None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"

"""A handle is one chDB connection, with its current database and settings.

chDB 4.4 returns the rows of a failed query as the answer to the next query. So a handle is closed after its statement
has failed. A session must keep its handle, so it runs two throw-away queries, which take the rows of the failed query.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ENGINE_ERRORS, parse_engine_error
from trailhouse.server.engine.statistics import Statistics, read_statistics
from trailhouse.server.sql.guard import DEFAULT_DATABASE
from trailhouse.support.quoting import quote_identifier


class Handle:
    """One chDB connection. Only one thread at a time may use it."""

    def __init__(
        self,
        connection: Any,  # noqa: ANN401  chDB has no types
        *,
        role: Role,
        is_readonly: bool,
        generation: int = 0,
    ) -> None:
        self.connection = connection
        self.role = role
        self.is_readonly = is_readonly
        self.generation = generation  # the engine keeps only handles of its current generation
        self.database = DEFAULT_DATABASE
        self.has_own_state = False  # whether it has settings or temporary tables that a new handle lacks
        self._is_busy = False

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Any]:
        """Yield the connection. While the block runs, ``close`` does not close it."""
        self._is_busy = True
        try:
            yield self.connection
        finally:
            self._is_busy = False

    def run(
        self, sql: bytes | str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> tuple[bytes, Statistics]:
        """Run a statement, and return its complete output and statistics. Raises ServerError if the statement fails."""
        try:
            with self.in_use() as connection:
                result = connection.query(sql, output_format, params=dict(parameters or {}))
                return result.bytes() or b"", read_statistics(result)
        except ENGINE_ERRORS as error:
            raise parse_engine_error(error) from None

    def use_database(self, database: str) -> None:
        """Make ``database`` the current database. Raises ServerError 81 if the database does not exist."""
        if database != self.database:
            self.run(f"USE {quote_identifier(database)}")
            self.database = database

    def discard_leftovers(self) -> None:
        """Run two throw-away queries that take the rows which a failed query may have left in the connection."""
        for _ in range(2):
            try:
                self.connection.query("SELECT 1", "Null")
            except ENGINE_ERRORS:
                continue

    def close(self) -> None:
        """Close the connection. Leave it open if a thread still uses it, because closing would wait for that thread."""
        if not self._is_busy:
            self.connection.close()

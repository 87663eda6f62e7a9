"""Run a statement with the parameters and settings of its request.

In a session, the settings of a request apply only to the statement of this request. Afterwards, the session gets back
its earlier settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.handle import Handle
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.sql.settings_clause import format_settings
from trailhouse.server.sql.statement import Statement
from trailhouse.support.quoting import quote_literal

PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


@dataclass(frozen=True)
class Execution:
    """The context in which a statement is run: its handle, query parameters, settings and the client's query id."""

    handle: Handle
    parameters: Mapping[str, str]
    settings: dict[str, str]
    query_id: str
    is_session: bool

    @property
    def mark(self) -> dict[str, str]:
        """The setting ``log_comment``, which identifies a running query so that the query can be killed.

        The first line of the log comment is the query id. This setting has to be the last setting of the statement, so
        that no other setting overrides it.
        """
        comment = self.settings.get("log_comment", "")
        return {"log_comment": f"{self.query_id}\n{comment}".strip()}

    @property
    def all_settings(self) -> dict[str, str]:
        """The request's settings, and the setting ``log_comment`` that identifies the query."""
        return {**self.settings, **self.mark}


def run_direct(execution: Execution, statement: Statement, output_format: str) -> tuple[bytes, Statistics]:
    """Run a statement whose result is small or empty, and return its output and statistics.

    The call blocks until the statement has ended. Raises ServerError if the statement fails.
    """
    handle = execution.handle
    handle.has_own_state |= statement.first_word == "SET" or b"TEMPORARY" in statement.text.upper()
    if statement.first_word in ("SET", "USE"):
        output = handle.run(statement.text, output_format, execution.parameters)
        if statement.first_word == "USE" and execution.is_session:
            handle.database = handle.run("SELECT currentDatabase()", "RawBLOB")[0].decode()
        return output
    with apply_settings(execution):
        return handle.run(statement.text, output_format, execution.parameters)


@contextlib.contextmanager
def apply_settings(execution: Execution) -> Iterator[None]:
    """Apply the request's settings to the handle. In a session, restore the earlier values after the ``with`` block.

    Raises ServerError if the engine refuses a setting.
    """
    restore: Callable[[], None] | None = None
    if execution.is_session:
        restore = _remember_settings(execution.handle, list(execution.all_settings))
    execution.handle.run(f"SET {format_settings(execution.all_settings)}".encode(errors="surrogateescape"))
    try:
        yield
    finally:
        if restore is not None:
            restore()


def widen_pipe(file_descriptor: int) -> None:
    """Let a pipe hold a mebibyte, if the system allows it, so that large results need fewer wake-ups."""
    if _SET_PIPE_SIZE is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(file_descriptor, _SET_PIPE_SIZE, PIPE_BYTES)


def _remember_settings(handle: Handle, names: list[str]) -> Callable[[], None]:
    """Read the current values of the settings, and return a function that sets the settings to these values again."""
    listed = ", ".join(quote_literal(name) for name in names)
    rows = handle.run(f"SELECT name, value, changed FROM system.settings WHERE name IN ({listed})", "JSONEachRow")
    before = {row["name"]: row for row in map(json.loads, rows[0].splitlines())}

    def restore() -> None:
        for name in names:
            row = before.get(name)
            value = quote_literal(row["value"]) if row and row["changed"] else "DEFAULT"
            with contextlib.suppress(ServerError):
                handle.run(f"SET {name} = {value}")

    return restore

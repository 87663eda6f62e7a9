"""This module runs an INSERT, and sends its rows to the engine piece by piece, through a pipe.

This module does not use chDB's send_insert, because that function acknowledges rows even if it could not store them,
for example on a full disk.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping

from trailhouse.server.clickhouse_errors import ENGINE_ERRORS, ServerError, parse_engine_error
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.execution import Execution, apply_settings, widen_pipe
from trailhouse.server.engine.statistics import Statistics, read_insert_statistics
from trailhouse.server.sql.insert_head import InsertHead
from trailhouse.server.sql.settings_clause import format_settings


class InsertStream:
    """A running INSERT. Its methods block, so call them in a thread.

    ``forced_settings`` override the statement's own settings.
    """

    def __init__(
        self, engine: Engine, execution: Execution, head: InsertHead, forced_settings: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._execution = execution
        self._head = head
        self._forced_settings = forced_settings
        self._applied_settings = contextlib.ExitStack()
        self._statistics: Statistics | None = None  # None until the rows are stored
        self._error: ServerError | None = None
        self._read_end, self._write_end = -1, -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the INSERT in a thread, which waits for rows. Raises ServerError if the engine refuses a setting."""
        self._applied_settings.enter_context(apply_settings(self._execution))
        self._read_end, self._write_end = os.pipe()
        widen_pipe(self._write_end)
        self._thread = threading.Thread(target=self._run, name="statement-insert")
        self._thread.start()

    def append(self, data: bytes) -> None:
        """Send one piece of the rows to the engine. Raises ServerError if the INSERT has failed."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._write_end, view) :]
        except BrokenPipeError:
            self._join()
            raise self._error or ServerError(1001, "STD_EXCEPTION", "The engine did not read all rows") from None

    def finish(self) -> Statistics:
        """Close the pipe after the last row, wait until the rows are stored, and return the statistics of the INSERT.

        Raises ServerError if the rows do not parse or could not be stored.
        """
        self._join()
        if self._statistics is None:
            raise self._error or ServerError(1001, "STD_EXCEPTION", "The engine did not store the rows")
        return self._statistics

    def cancel(self) -> None:
        """Stop the INSERT. Rows that the engine has not committed yet are lost."""
        if self._thread is not None and self._thread.is_alive():
            # kill the query before the pipe is closed, because closing makes the engine commit the rows written so far
            with contextlib.suppress(ServerError):
                self._engine.kill(self._execution.query_id)
        self._join()

    def _join(self) -> None:
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1
        if self._thread is not None:
            self._thread.join()
        self._applied_settings.close()

    def _run(self) -> None:
        source = f" FROM INFILE '/dev/fd/{self._read_end}' COMPRESSION 'none'"
        settings = [self._head.settings] if self._head.settings else []
        settings.append(format_settings({**self._execution.mark, **self._forced_settings}).encode())
        clause = source.encode() + b" SETTINGS " + b", ".join(settings) + f" FORMAT {self._head.format}".encode()
        try:
            with self._execution.handle.in_use() as connection:
                parameters = dict(self._execution.parameters)
                result = connection.query(self._head.text + clause, "Null", params=parameters)
                self._statistics = read_insert_statistics(result)
        except ENGINE_ERRORS as error:
            self._error = parse_engine_error(error, hidden=source)
        finally:
            os.close(self._read_end)

"""This module serves a data directory over HTTP until a signal or the idle timeout ends the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from trailhouse.server.access.confinement import confine
from trailhouse.server.access.credentials import ensure_credentials
from trailhouse.server.address import bind, format_url, is_loopback, refuse_open_address
from trailhouse.server.data_directory import SERVER_FILE, close_to_other_users, prepare_directory
from trailhouse.server.engine.configuration import default_memory_limit_bytes
from trailhouse.server.engine.directory_lock import DirectoryLock
from trailhouse.server.engine.engine import Engine
from trailhouse.server.http.app import Application
from trailhouse.server.http.parser_limits import BoundedProtocol
from trailhouse.server.http.request_origin import LOOPBACK_NAMES
from trailhouse.server.http.response import KEEP_ALIVE_SECONDS
from trailhouse.support.processes import ServiceRecord, identify_directory, write_record

_SHUTDOWN_SECONDS = 8
_KILL_AFTER_SECONDS = 6
_MAX_CONNECTIONS = 2000
_MAX_OPEN_FILES = 65536
_CHECK_SECONDS = 0.5


def serve(
    directory: Path,
    host: str = "127.0.0.1",
    port: int = 8123,
    *,
    idle_timeout_seconds: float | None = None,
    memory_limit_bytes: int | None = None,
    published_tables: Sequence[str] = (),
    sends_late_errors: bool = False,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve ``directory`` at http://host:port until SIGTERM or SIGINT, or until the idle timeout ends the server.

    The user for dashboards may read ``published_tables``, such as ``trailhouse.fct_*``. The idle timeout ends the
    server if no request has run for ``idle_timeout_seconds``; None means no timeout. The server also ends when its
    directory is deleted or moved away. Port 0 takes any free port. With
    ``sends_late_errors``, the error of a query that has returned rows follows the rows, with status 200, as from a
    ClickHouse server; otherwise it replaces them unless they are more than a mebibyte. When the server is ready, its
    URL is written to ``server.json`` in the directory, and ``on_ready`` is called with the URL.

    Raises UsageError or UnreachableError before anything is served, if the directory or the address cannot be used.
    """
    directory = prepare_directory(directory)
    close_to_other_users(directory)
    refuse_open_address(directory, host)
    with contextlib.ExitStack() as stack:
        lock = DirectoryLock(directory).acquire()
        stack.callback(lock.release)
        listener = bind(host, port)
        stack.callback(listener.close)
        credentials = ensure_credentials(directory)
        confine(directory)
        memory_limit_bytes = memory_limit_bytes or default_memory_limit_bytes()
        engine = Engine(directory, memory_limit_bytes=memory_limit_bytes, published_tables=published_tables)
        allowed_hosts = LOOPBACK_NAMES if is_loopback(host) else None
        application = Application(engine, credentials, allowed_hosts=allowed_hosts, sends_late_errors=sends_late_errors)
        server = _Server(application, engine, directory, idle_timeout_seconds)
        url = format_url(host, listener.getsockname()[1])
        write_record(directory / SERVER_FILE, ServiceRecord(os.getpid(), url))
        _allow_many_files()
        on_ready(url)
        try:
            server.run(sockets=[listener])
        finally:
            # another server may have a new directory of the same name, so nothing is written into that
            if server.has_directory():
                (directory / SERVER_FILE).unlink(missing_ok=True)
        engine.kill_all()
        application.sessions.close()
        if server.has_directory():
            engine.close()


class _Server(uvicorn.Server):
    """A uvicorn server that ends when it is idle for too long, or when its directory is gone.

    Six seconds after it began to stop, it kills running queries.
    """

    def __init__(
        self, application: Application, engine: Engine, directory: Path, idle_timeout_seconds: float | None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
                backlog=512,
                limit_concurrency=_MAX_CONNECTIONS,
            )
        )
        self._application = application
        self._engine = engine
        self._directory = directory
        self._identity = identify_directory(directory)
        self._idle_timeout_seconds = idle_timeout_seconds

    async def main_loop(self) -> None:
        """Serve requests until a signal arrives, the idle timeout has passed, or the directory is gone."""
        watcher = asyncio.get_running_loop().create_task(self._stop_when_unneeded())
        await super().main_loop()
        watcher.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give running queries six seconds to finish, and kill the queries that still run after this time."""
        killer = asyncio.get_running_loop().create_task(self._kill_late_queries())
        await super().shutdown(sockets)
        killer.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT. Unlike uvicorn's own method, do not raise the signals again at the end."""
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True

    async def _kill_late_queries(self) -> None:
        await asyncio.sleep(_KILL_AFTER_SECONDS)
        await asyncio.to_thread(self._engine.kill_all)

    async def _stop_when_unneeded(self) -> None:
        while not self._is_idle() and self.has_directory():
            await asyncio.sleep(_CHECK_SECONDS)
        self.should_exit = True

    def _is_idle(self) -> bool:
        return self._idle_timeout_seconds is not None and self._application.idle_seconds > self._idle_timeout_seconds

    def has_directory(self) -> bool:
        """Return whether the directory is still in its place: not deleted, and no other one has its name."""
        try:
            return identify_directory(self._directory) == self._identity
        except FileNotFoundError:
            return False


def _allow_many_files() -> None:
    """Raise the limit on open files, because each connection and each running query has several files open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _MAX_OPEN_FILES) if most > 0 else _MAX_OPEN_FILES, most))

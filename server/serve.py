"""Serving a data directory over HTTP, and ending cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.access.access import LOOPBACK_NAMES
from trailhouse.server.access.confinement import confine
from trailhouse.server.access.credentials import Role, ensure_credentials, password_path
from trailhouse.server.engine.configuration import default_memory_limit_bytes
from trailhouse.server.engine.directory_lock import DirectoryLock
from trailhouse.server.engine.engine import Engine
from trailhouse.server.http.app import Application
from trailhouse.server.http.parser_limits import BoundedProtocol
from trailhouse.server.http.response import KEEP_ALIVE_SECONDS

_DRAIN_SECONDS = 8
_PATIENCE_SECONDS = 6
_MAX_CONNECTIONS = 2000
_MAX_PORT = 65535
_IDLE_CHECK_SECONDS = 0.5
SERVER_FILE = "server.json"


def serve(
    directory: Path,
    host: str = "127.0.0.1",
    port: int = 8123,
    *,
    idle_timeout_seconds: float | None = None,
    memory_limit_bytes: int | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve ``directory`` at http://host:port until SIGTERM or SIGINT, or until it was idle for so long.

    ``on_ready`` is called with the server's URL when the engine is open and the port is bound.

    Port 0 takes any free port; ``server.json`` in the directory says which. Raises UsageError or
    UnreachableError, before anything is served, where the directory or the address cannot be had.
    """
    directory = prepare_directory(directory)
    _keep_from_other_users(directory)
    _refuse_open_address(directory, host)
    with contextlib.ExitStack() as stack:
        lock = DirectoryLock(directory).acquire()
        stack.callback(lock.release)
        listener = _bind(host, port)
        stack.callback(listener.close)
        credentials = ensure_credentials(directory)
        confine(directory)
        engine = Engine(directory, memory_limit_bytes=memory_limit_bytes or default_memory_limit_bytes())
        allowed = LOOPBACK_NAMES if _is_loopback(host) else None
        application = Application(engine, credentials, allowed_hosts=allowed)
        server = _Server(application, engine, idle_timeout_seconds)
        url = _write_server_file(directory, host, listener.getsockname()[1])
        stack.callback((directory / SERVER_FILE).unlink, missing_ok=True)
        _allow_many_files()
        on_ready(url)
        server.run(sockets=[listener])
        engine.kill_all()
        application.sessions.close()
        engine.close()


def _keep_from_other_users(directory: Path) -> None:
    """Close the directory, and every file that the engine will make, to the other users of this machine.

    Raises UsageError where the directory is another user's and open to more than its owner.
    """
    os.umask(0o077)
    if directory.stat().st_mode & 0o077 == 0:
        return
    try:
        directory.chmod(0o700)
    except PermissionError as error:
        raise UsageError(
            f"other users of this machine can look into the warehouse directory {directory}",
            "let its owner close it (chmod 700), or name a directory of your own",
        ) from error


def _allow_many_files() -> None:
    """Every connection and every running query holds a few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most > 0 else 65536, most))


def prepare_directory(directory: Path) -> Path:
    """The directory's absolute path, made if it does not exist. Raises UsageError where it cannot be used."""
    directory = directory.expanduser().resolve()
    if set("?&#") & set(str(directory)):
        raise UsageError(f"the warehouse directory {directory} has ?, & or # in its path", "name another one")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"cannot make the warehouse directory {directory}: {error.strerror}", "name another directory"
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(
            f"the warehouse directory {directory} is not writable",
            "make it writable for this user, or name another directory",
        )
    return directory


class _Server(uvicorn.Server):
    """uvicorn that ends by itself when idle, and whose end is ours to finish."""

    def __init__(self, application: Application, engine: Engine, idle_timeout_seconds: float | None) -> None:
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
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                backlog=512,
                limit_concurrency=_MAX_CONNECTIONS,
            )
        )
        self._application = application
        self._engine = engine
        self._idle_timeout_seconds = idle_timeout_seconds

    async def main_loop(self) -> None:
        """Run until told to stop or idle for too long."""
        watcher = asyncio.get_running_loop().create_task(self._watch_idleness())
        await super().main_loop()
        watcher.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs finish, but not for ever."""
        killer = asyncio.get_running_loop().create_task(self._kill_what_stays())
        await super().shutdown(sockets)
        killer.cancel()

    async def _kill_what_stays(self) -> None:
        await asyncio.sleep(_PATIENCE_SECONDS)
        await asyncio.to_thread(self._engine.kill_all)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, without raising them again when the server is done."""
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def _watch_idleness(self) -> None:
        while self._idle_timeout_seconds is not None:
            await asyncio.sleep(_IDLE_CHECK_SECONDS)
            if self._application.idle_seconds > self._idle_timeout_seconds:
                self.should_exit = True
                return


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _MAX_PORT:
        raise UsageError(f"there is no port {port}", f"name one from 0 (any free one) to {_MAX_PORT}")
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio switches Nagle's delay off only on sockets that say they are TCP
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UnreachableError(
                f"port {port} on {host} is in use by another program", "stop it, or serve on another port"
            ) from error
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}", "name an address of this machine"
        ) from error
    return listener


def _refuse_open_address(directory: Path, host: str) -> None:
    if _is_loopback(host):
        return
    missing = [path for role in Role if not (path := password_path(directory, role)).exists()]
    if missing:
        raise UsageError(
            f"serving on {host} opens the warehouse to the network, and {missing[0]} does not exist",
            "write both password files (mode 600) first, or serve on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _write_server_file(directory: Path, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    record = {"pid": os.getpid(), "url": url}
    temporary = directory / f"{SERVER_FILE}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(record, file)
    temporary.replace(directory / SERVER_FILE)
    return url

"""Finding the server of a data directory, or starting one."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.access.credentials import Role, read_credentials

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers, and as whom."""

    url: str
    user: str
    password: str = field(repr=False)


def ensure_running(
    directory: Path, *, idle_timeout_seconds: float = 900, memory_limit_bytes: int | None = None
) -> Endpoint:
    """The server of ``directory``: the one that runs, or a new one that ends when idle for so long.

    The limit is one of all queries of a new server together; without one, it is a share of the machine's memory.

    Two callers at once get the same server. Raises UnreachableError where it does not answer within 30 s.
    """
    directory = directory.expanduser().resolve()
    if (endpoint := find_running(directory)) is not None:
        return endpoint
    with _starting(directory):
        if (endpoint := find_running(directory)) is not None:
            return endpoint
        return _start(directory, idle_timeout_seconds, memory_limit_bytes)


def find_running(directory: Path) -> Endpoint | None:
    """The live server of ``directory``, or None; alive means that it answers a query with our password."""
    directory = directory.expanduser().resolve()
    record = _read_server_file(directory)
    if record is None or not _is_alive(record[0]):
        return None
    try:
        endpoint = Endpoint(record[1], Role.ADMIN.value, read_credentials(directory).admin_password)
    except UsageError:
        return None
    return endpoint if _answers(endpoint) else None


def stop(directory: Path) -> bool:
    """End the server of ``directory`` with SIGTERM and wait for it; False where none ran.

    Raises UnreachableError where it is still there after 15 s.
    """
    directory = directory.expanduser().resolve()
    record = _read_server_file(directory)
    if record is None or find_running(directory) is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(record[0], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_alive(record[0]):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"the warehouse server (process {record[0]}) did not end within {_STOP_SECONDS:.0f} s",
                f"end it with kill -9 {record[0]}",
            )
        time.sleep(_POLL_SECONDS)
    return True


def _start(directory: Path, idle_timeout_seconds: float, memory_limit_bytes: int | None) -> Endpoint:
    log = directory / "server.log"
    command = [sys.executable, "-m", "trailhouse.server", str(directory), "--port", "0"]
    command += ["--idle-timeout-seconds", str(idle_timeout_seconds)]
    if memory_limit_bytes is not None:
        command += ["--memory-limit-bytes", str(memory_limit_bytes)]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            reason = log.read_text(errors="replace").strip().splitlines()
            raise UnreachableError(
                f"the warehouse server did not start: {reason[-1] if reason else 'no reason given'}", f"see {log}"
            )
        if (endpoint := find_running(directory)) is not None:
            server.returncode = 0  # it lives on without us: no warning that it still runs
            return endpoint
        time.sleep(_POLL_SECONDS)
    server.kill()
    server.wait()
    raise UnreachableError(f"the warehouse server did not answer within {_START_SECONDS:.0f} s", f"see {log}")


@contextlib.contextmanager
def _starting(directory: Path) -> Iterator[None]:
    """One starter at a time; the others wait and then find its server."""
    from trailhouse.server.serve import prepare_directory

    prepare_directory(directory)
    descriptor = os.open(directory / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_server_file(directory: Path) -> tuple[int, str] | None:
    try:
        record = json.loads((directory / "server.json").read_text())
        return int(record["pid"]), str(record["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended is not alive
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(endpoint: Endpoint) -> bool:
    address = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    credentials = base64.b64encode(f"{endpoint.user}:{endpoint.password}".encode()).decode()
    try:
        connection.request("POST", "/", b"SELECT 1", {"Authorization": f"Basic {credentials}"})
        return connection.getresponse().read() == b"1\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

"""This module finds, starts and stops the server process of a data directory."""

from __future__ import annotations

import base64
import http.client
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from trailhouse.errors import UsageError
from trailhouse.server.access.credentials import Role, read_password
from trailhouse.server.data_directory import SERVER_FILE, prepare_directory, refuse_directory_of_other_user
from trailhouse.support.processes import (
    end_service,
    is_free_port,
    read_last_record,
    read_record,
    start_service,
    wait_until_ready,
)
from trailhouse.support.progress import report_note
from trailhouse.support.secrets import OWNER_ONLY

_NAME = "the warehouse server"
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Endpoint:
    """The URL of a server, and the user and password that it accepts."""

    url: str
    user: str
    password: str = field(repr=False)


def ensure_running(
    directory: Path,
    *,
    idle_timeout_seconds: float = 900,
    memory_limit_bytes: int | None = None,
    published_tables: Sequence[str] = (),
) -> Endpoint:
    """Return the endpoint of the server of ``directory``. If no server runs, start one.

    A server that was killed is started again at its address, if no other program took the port since.

    A new server stops when it has been idle for ``idle_timeout_seconds``. All of its queries together may use
    ``memory_limit_bytes``, by default 60 % of the machine's memory. Its user for dashboards may read
    ``published_tables``, such as ``trailhouse.fct_*``. If two callers call this function at once, both get
    the same server. Raises UnreachableError if the server does not answer within 30 s.
    """
    directory = directory.expanduser().resolve()
    if (endpoint := find_running(directory)) is not None:
        return endpoint
    if not directory.exists():
        report_note(f"a new, empty warehouse is made in {directory}")
    prepare_directory(directory)
    # a second caller waits here until the first caller has started the server
    with FileLock(directory / "start.lock", mode=OWNER_ONLY):
        if (endpoint := find_running(directory)) is not None:
            return endpoint
        return _start(directory, idle_timeout_seconds, memory_limit_bytes, published_tables)


def find_running(directory: Path) -> Endpoint | None:
    """Return the endpoint of the server that runs for ``directory``, or None if no server runs.

    The server counts as running if it answers a query that is sent with the admin's password.
    """
    directory = directory.expanduser().resolve()
    record = read_record(directory / SERVER_FILE)
    if record is None:
        return None
    try:
        endpoint = Endpoint(record.url, Role.ADMIN.value, read_password(directory, Role.ADMIN))
    except UsageError:
        return None
    return endpoint if _answers(endpoint) else None


def stop(directory: Path) -> bool:
    """Stop the server of ``directory`` by SIGTERM, wait for its end, and return whether a server ran.

    Raises UnreachableError if the server still runs after 15 s. Raises UsageError if another user owns the directory.
    """
    directory = directory.expanduser().resolve()
    refuse_directory_of_other_user(directory)
    record = read_record(directory / SERVER_FILE)
    if record is None or find_running(directory) is None:
        return False
    end_service(record.pid, name=_NAME, seconds=_STOP_SECONDS)
    return True


def _start(
    directory: Path, idle_timeout_seconds: float, memory_limit_bytes: int | None, published_tables: Sequence[str]
) -> Endpoint:
    command = [sys.executable, "-m", "trailhouse.server", str(directory), "--port", str(_choose_port(directory))]
    command += ["--idle-timeout-seconds", str(idle_timeout_seconds)]
    if memory_limit_bytes is not None:
        command += ["--memory-limit-bytes", str(memory_limit_bytes)]
    command += [f"--published-table={table}" for table in published_tables]
    log = directory / "server.log"
    found: list[Endpoint] = []

    def is_ready() -> bool:
        if (endpoint := find_running(directory)) is not None:
            found.append(endpoint)
        return bool(found)

    wait_until_ready(start_service(command, log), is_ready, name=_NAME, seconds=_START_SECONDS, log=log)
    return found[0]


def _choose_port(directory: Path) -> int:
    """Return the port of a server that was killed, so that commands that used it can go on; else 0 for a free one."""
    killed = read_last_record(directory / SERVER_FILE)
    port = urlsplit(killed.url).port if killed is not None else None
    return port if port is not None and is_free_port(port) else 0


def _answers(endpoint: Endpoint) -> bool:
    address = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_SECONDS)
    credentials = base64.b64encode(f"{endpoint.user}:{endpoint.password}".encode()).decode()
    try:
        connection.request("POST", "/", b"SELECT 1", {"Authorization": f"Basic {credentials}"})
        return connection.getresponse().read() == b"1\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

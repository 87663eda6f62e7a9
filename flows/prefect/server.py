"""The Prefect server that a command or the standing service starts if PREFECT_API_URL is not set.

It listens on the loopback interface and keeps its history in the data directory. It ends with the process that started
it, even if that process is killed.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from trailhouse.errors import UnreachableError
from trailhouse.flows.settings import Settings, read_prefect_url
from trailhouse.support.processes import (
    LOOPBACK,
    ServiceRecord,
    end_service,
    find_free_port,
    read_record,
    start_service,
    wait_until_ready,
    write_record,
)

NAME = "the Prefect server"
START_SECONDS = 300  # enough for a busy machine
STOP_SECONDS = 20

# The shell waits until its standard input ends. It ends when this process has ended.
_WATCHER = "read _; kill -9 {pid} 2>/dev/null"


@dataclass(frozen=True)
class StartedServer:
    """A Prefect server that this process started."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait(self) -> None:
        """Wait until the server answers. Raises UnreachableError if it ends or takes too long."""
        wait_until_ready(self.process, lambda: is_healthy(self.url), name=NAME, seconds=START_SECONDS, log=self.log)

    def end(self) -> None:
        """End the server. It is killed if it does not end by itself."""
        with suppress(UnreachableError):
            end_service(self.process.pid, name=NAME, seconds=STOP_SECONDS)
            return
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)


@contextmanager
def running_server(settings: Settings) -> Iterator[str]:
    """Yield the API address of the Prefect server that runs already, or of a server that ends with the block.

    A server that is started here has all of Prefect's services, and ``find_server`` finds it. Raises UnreachableError
    if it does not start.
    """
    configured = find_server(settings)
    if configured is not None:
        yield configured
        return
    port = find_free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    server = start_server(command, port, find_directory(settings) / "server.log")
    path = find_record(settings)
    try:
        server.wait()
        write_record(path, ServiceRecord(server.process.pid, server.url))
        yield server.url
    finally:
        path.unlink(missing_ok=True)
        server.end()


def start_command_server(settings: Settings) -> StartedServer:
    """Start a server for the flows of this command. The server ends with this process.

    It has neither web pages nor a scheduler, like Prefect's own temporary server.
    """
    port = find_free_port()
    command = [sys.executable, "-m", "trailhouse.flows.prefect.command_server", LOOPBACK, str(port)]
    server = start_server(command, port, find_directory(settings) / "command-server.log")
    atexit.register(server.end)
    return server


def start_server(command: list[str], port: int, log: Path) -> StartedServer:
    """Start a server that ends with this process, even if this process is killed.

    Ctrl-C does not reach the server, because interrupted runs still report to it and would wait a minute for a dead
    server.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    process = start_service(command, log)
    tie_to_this_process(process.pid)
    return StartedServer(process, f"http://{LOOPBACK}:{port}/api", log)


def find_server(settings: Settings) -> str | None:
    """Return the URL of the Prefect server of the environment, or else of the running standing service, or None."""
    configured = read_prefect_url()
    if configured is not None:
        return configured
    record = read_record(find_record(settings))
    return record.url if record is not None and is_healthy(record.url) else None


def find_directory(settings: Settings) -> Path:
    """Return the directory of Prefect's history and logs."""
    return settings.data_directory / "prefect"


def find_record(settings: Settings) -> Path:
    """Return the file that says where the server of the standing service runs."""
    return find_directory(settings) / "server.json"


def is_healthy(url: str) -> bool:
    """Return whether a Prefect server answers."""
    try:
        return httpx.get(f"{url}/health", timeout=30).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def tie_to_this_process(pid: int) -> None:
    """Start a shell that kills the process ``pid`` when this process has ended."""
    readable, writable = os.pipe()  # children do not inherit the pipe, so only this process holds the writable end
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCHER.format(pid=pid)],
        stdin=readable,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(readable)
    atexit.register(_dismiss, watcher, writable)


def _dismiss(watcher: subprocess.Popen[bytes], writable: int) -> None:
    watcher.kill()
    watcher.wait()
    os.close(writable)

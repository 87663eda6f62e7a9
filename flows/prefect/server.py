"""This module starts a Prefect server for a command or for the standing service if PREFECT_API_URL is not set.

The standing service (``trailhouse watch``) runs a flow on a schedule that scores new checkpoints. The server listens on
the loopback interface and keeps its history in the data directory. It ends with the process that started it, even if
that process is killed.
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
from trailhouse.flows.prefect.full_disk import end_on_full_disk, find_full_disk
from trailhouse.flows.settings import Settings, read_prefect_url
from trailhouse.support.processes import (
    LOOPBACK,
    ServiceRecord,
    end_service,
    find_free_port,
    identify_process,
    read_record,
    start_service,
    wait_until_ready,
    write_record,
)

NAME = "the Prefect server"
START_SECONDS = 300  # time limit for the start of the server; enough for a busy machine
STOP_SECONDS = 20


@dataclass(frozen=True)
class StartedServer:
    """A Prefect server that this process started."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait(self) -> None:
        """Wait until the server answers. Raises UnreachableError if the server ends or does not answer in time."""
        wait_until_ready(self.process, lambda: is_healthy(self.url), name=NAME, seconds=START_SECONDS, log=self.log)

    def end(self) -> None:
        """Ask the server to end. If the server does not end in time, kill it."""
        with suppress(UnreachableError):
            end_service(self.process.pid, name=NAME, seconds=STOP_SECONDS)
            return
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)


@contextmanager
def running_server(settings: Settings) -> Iterator[str]:
    """Yield the URL of a Prefect server. If no server runs yet, one is started and ends with the ``with`` block.

    The started server has all of Prefect's services, and other processes find it by ``find_server``. Raises
    UnreachableError if the server does not start, or if its disk was full.
    """
    configured = find_server(settings)
    if configured is not None:
        yield configured
        return
    port = find_free_port()
    command = ["prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    server = start_server(command, port, find_directory(settings) / "server.log")
    path = find_record(settings)
    try:
        server.wait()
        write_record(path, ServiceRecord(server.process.pid, server.url))
        yield server.url
        if (full := find_full_disk()) is not None:
            raise full
    finally:
        path.unlink(missing_ok=True)
        server.end()


def start_command_server(settings: Settings) -> StartedServer:
    """Start a server for the flows of this command. The server ends with this process.

    Like the temporary servers that Prefect itself starts, this server has neither web pages nor a scheduler.
    """
    port = find_free_port()
    command = ["trailhouse.flows.prefect.command_server", LOOPBACK, str(port)]
    server = start_server(command, port, find_directory(settings) / "command-server.log")
    atexit.register(server.end)
    return server


def start_server(command: list[str], port: int, log: Path) -> StartedServer:
    """Start a server, a Python module with arguments, that ends with this process, even if this process is killed.

    This process is interrupted if the disk of the server's history is full; see ``end_on_full_disk``.
    Ctrl-C does not end the server, because interrupted runs still report to the server. Without the server, each of
    these runs would wait a minute.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    tied = ["-m", "trailhouse.flows.prefect.tied_program", identify_process(os.getpid()), *command]
    process = start_service([sys.executable, *tied], log)
    end_on_full_disk(log.parent)
    return StartedServer(process, f"http://{LOOPBACK}:{port}/api", log)


def find_server(settings: Settings) -> str | None:
    """Return the URL of the Prefect server that the environment names.

    If the environment names no server, return the URL of the standing service's server. If the standing service does
    not run, return None.
    """
    configured = read_prefect_url()
    if configured is not None:
        return configured
    record = read_record(find_record(settings))
    return record.url if record is not None and is_healthy(record.url) else None


def find_directory(settings: Settings) -> Path:
    """Return the directory of Prefect's history and logs."""
    return settings.data_directory / "prefect"


def find_record(settings: Settings) -> Path:
    """Return the path of the file that holds the process id and URL of the standing service's server."""
    return find_directory(settings) / "server.json"


def is_healthy(url: str) -> bool:
    """Return whether the Prefect server at ``url`` answers."""
    try:
        return httpx.get(f"{url}/health", timeout=30).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False

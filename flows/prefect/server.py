"""A Prefect server of our own on loopback, for the standing service where no other is configured."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from trailhouse.errors import UnreachableError
from trailhouse.flows.prefect.server_lifetime import tie_to_this_process
from trailhouse.flows.settings import Settings, read_prefect_url

START_SECONDS = 120
STOP_SECONDS = 20
LOOK_SECONDS = 0.3


@contextmanager
def running_server(settings: Settings) -> Iterator[str]:
    """Yield the API of the configured Prefect server, or of one that is started and ends with the block.

    Its address is written down for ``find_server``. Raises UnreachableError if it does not start.
    """
    configured = find_server(settings)
    if configured is not None:
        yield configured
        return
    directory = settings.data_directory / "prefect"
    directory.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{find_free_port()}/api"
    with (directory / "server.log").open("ab") as log:
        port = url.removesuffix("/api").rpartition(":")[2]
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
        # out of reach of Ctrl-C: runs that it interrupts still report to this server, and wait a minute for a dead one
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    tie_to_this_process(process.pid)
    note = address_file(settings)
    try:
        wait_until_healthy(url, process, directory / "server.log")
        note.write_text(url, encoding="utf-8")
        yield url
    finally:
        note.unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def find_server(settings: Settings) -> str | None:
    """Return the Prefect server of the environment, or the one that a standing service of this data directory runs."""
    configured = read_prefect_url()
    if configured is not None:
        return configured
    note = address_file(settings)
    if not note.is_file():
        return None
    url = note.read_text(encoding="utf-8")
    return url if is_healthy(url) else None  # what a killed service left behind


def address_file(settings: Settings) -> Path:
    """Where the address of the server is written down while it runs."""
    return settings.data_directory / "prefect" / "server.url"


def find_free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_healthy(url: str) -> bool:
    """Return whether a Prefect server answers."""
    try:
        return httpx.get(f"{url}/health", timeout=30).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server that was started. Raises UnreachableError if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_healthy(url):
            return
        time.sleep(LOOK_SECONDS)
    raise UnreachableError("the Prefect server did not start", f"see {log}, or name one by PREFECT_API_URL")

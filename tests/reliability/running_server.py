"""An embedded server that a test starts, kills and measures."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from trailhouse.server.access.credentials import read_credentials
from trailhouse.server.process import Endpoint, ensure_running
from trailhouse.support.processes import read_record
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

MAX_PING_SECONDS = 1.0
_IDLE_TIMEOUT_SECONDS = 1800
_ATTEMPTS = 3


@dataclass
class RunningServer:
    """The embedded server on a directory. Creating the object starts the server."""

    directory: Path
    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> float:
        """Start the server unless it runs; return the seconds until it answered."""
        started = time.monotonic()
        self.endpoint = ensure_running(self.directory, idle_timeout_seconds=_IDLE_TIMEOUT_SECONDS)
        return time.monotonic() - started

    @property
    def pid(self) -> int:
        record = read_record(self.directory / "server.json")
        assert record is not None, "the server does not run"
        return record.pid

    @property
    def host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self.endpoint.url)
        return parts.hostname or "", parts.port or 0

    @property
    def admin(self) -> tuple[str, str]:
        return self.endpoint.user, self.endpoint.password

    @property
    def reader_password(self) -> str:
        return read_credentials(self.directory).reader_password

    def client(self) -> httpx.Client:
        """Return an HTTP client that is logged in as the administrator."""
        return httpx.Client(base_url=self.endpoint.url, auth=self.admin, timeout=60)

    def address(self, database: str, port: int | None = None) -> WarehouseAddress:
        """Return the address of a database; ``port`` is the port of a proxy in front of the server, if there is one."""
        host, own_port = self.host_and_port
        return WarehouseAddress(host, port or own_port, self.endpoint.user, database, self.endpoint.password)

    def new_database(self) -> WarehouseAddress:
        """Return the address of a new database with the raw tables."""
        address = self.address(f"d{uuid.uuid4().hex}")
        apply_migrations(address, read_migrations(packaged_migrations()))
        return address

    def drop(self, address: WarehouseAddress) -> None:
        with connect(address) as client:
            client.command(f"drop database {address.database} sync")

    def kill(self) -> None:
        """Kill the server with SIGKILL, and wait until it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def resident_bytes(self) -> int:
        """Return the resident memory of the server's process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def is_well(self) -> bool:
        """Return whether, in one of three attempts, the server answers /ping within a second and a query correctly."""
        return any(self._answers_well() for _ in range(_ATTEMPTS))

    def _answers_well(self) -> bool:
        started = time.monotonic()
        pong = httpx.get(self.endpoint.url + "/ping", timeout=30).text
        seconds = time.monotonic() - started
        with self.client() as client:
            answer = client.post("/", content="SELECT 6 * 7").text
        return pong == "Ok.\n" and seconds < MAX_PING_SECONDS and answer == "42\n"

"""What the checks share: a seed, one server, and one workplace with a scored suite."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.reliability.content import read_content
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.server.access.credentials import read_credentials
from trailhouse.server.process import Endpoint, ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.table_digest import TableDigest

_SENTENCE = "The parser reads the file and returns a tuple — naïve, but 東京 and 🙂 work as well.\n"


@dataclass
class OwnServer:
    """An embedded server of our own: started, killed, measured."""

    directory: Path
    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> float:
        """Start it; returns the seconds until it answered."""
        started = time.monotonic()
        self.endpoint = ensure_running(self.directory, idle_timeout_seconds=1800)
        return time.monotonic() - started

    @property
    def pid(self) -> int:
        return int(json.loads((self.directory / "server.json").read_text())["pid"])

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
        return httpx.Client(base_url=self.endpoint.url, auth=self.admin, timeout=60)

    def address(self, database: str, port: int | None = None) -> WarehouseAddress:
        host, own_port = self.host_and_port
        return WarehouseAddress(host, port or own_port, self.endpoint.user, database, self.endpoint.password)

    def new_database(self) -> WarehouseAddress:
        """The address of a new database with the raw tables."""
        address = self.address(f"d{uuid.uuid4().hex}")
        apply_migrations(address, read_migrations(packaged_migrations()))
        return address

    def drop(self, address: WarehouseAddress) -> None:
        with connect(address) as client:
            client.command(f"drop database {address.database} sync")

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def is_well(self) -> bool:
        """Whether it answers /ping within a second, and a query rightly; a busy machine gets a second chance."""
        return any(self._answers_well() for _ in range(3))

    def _answers_well(self) -> bool:
        started = time.monotonic()
        pong = httpx.get(self.endpoint.url + "/ping", timeout=30).text
        seconds = time.monotonic() - started
        with self.client() as client:
            return pong == "Ok.\n" and seconds < 1 and client.post("/", content="SELECT 6 * 7").text == "42\n"


class Bench:
    """The run's directory, its seed and what is set up once; ``close`` ends every process."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.directory = Path(tempfile.mkdtemp(prefix="reliability-"))
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def close(self) -> None:
        self._stack.close()

    def folder(self, name: str) -> Path:
        """A new empty directory."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    def new_server(self, name: str) -> OwnServer:
        """A server on a new directory, ended with the run."""
        directory = self.folder(name)
        self.stop_finally(directory)
        return OwnServer(directory)

    def stop_finally(self, directory: Path) -> None:
        """End the server of a directory with the run, if it has one then."""
        self._stack.callback(stop, directory)

    @functools.cached_property
    def server(self) -> OwnServer:
        """The server that the checks which do not harm it share."""
        return self.new_server("shared")

    @functools.cached_property
    def prefect_url(self) -> str:
        """A real Prefect server, so that not every command starts one of its own."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        home = self.folder("prefect")
        variables = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
            )
        self._stack.callback(process.wait)
        self._stack.callback(os.killpg, process.pid, signal.SIGKILL)
        url = f"http://127.0.0.1:{port}/api"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    return url
            time.sleep(0.2)
        raise RuntimeError("the Prefect server did not start")

    @functools.cached_property
    def workplace(self) -> ScoredWorkplace:
        """A workplace in which each command has run once."""
        place = ScoredWorkplace(self.folder("workplace"), {"PREFECT_API_URL": self.prefect_url})
        self._stack.callback(stop, place.settings.warehouse_directory)
        place.prepare()
        return place


@dataclass(frozen=True)
class ScoredWorkplace(Workplace):
    """A workplace with checkpoints trained on the spot, a small corpus, their scores and some marts."""

    variables: dict[str, str]

    score: tuple[str, ...] = ("score", "grown", "--corpus", "few")
    transform: tuple[str, ...] = ("transform", "--select", "+fct_trend_share_by_start")

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """Every command that changes something, in the order of a first use."""
        return [
            ("init",),
            ("suite", "add", "grown.yaml"),
            ("corpus", "add", "texts", "--name", "few"),
            self.score,
            self.transform,
        ]

    def prepare(self) -> None:
        """Train, declare, and run the commands."""
        code = (
            "import sys; from pathlib import Path; from trailhouse.models.miniature import train_miniature_suite;"
            "train_miniature_suite(Path(sys.argv[1]), size='reduced')"
        )
        trained = self.directory / "trained"
        subprocess.run([sys.executable, "-c", code, str(trained)], check=True, capture_output=True, timeout=300)
        (self.directory / "grown.yaml").write_text(
            "suite: grown\ndescription: Checkpoints trained on the spot\nsource: folder\nmodels:\n"
            f"  - name: medium\n    location: {trained / 'neox-medium'}\n    step_pattern: 'step-(\\d+)'\n"
            "    batch_tokens: 512\n    planned_steps: 120\n    context_length: 128\n"
        )
        (self.directory / "texts").mkdir()
        for index in range(12):
            (self.directory / "texts" / f"{index}.txt").write_text(_SENTENCE * (index + 1) * 20)
        for command in self.commands:
            self.must_run(*command)

    def must_run(self, *arguments: str) -> str:
        """Run a command that has to succeed; returns what it printed."""
        # a shared Prefect server keeps a killed worker's claims for a minute, so scoring does without
        result = self.run(*arguments, **({} if arguments == self.score else self.variables))
        if result.returncode != 0:
            raise RuntimeError(f"trailhouse {' '.join(arguments)}: {result.stderr[-800:]}")
        return result.stdout

    def read_content(self) -> dict[str, TableDigest]:
        """What its database holds."""
        return read_content(resolve_address(self.settings))

    def wait_for_scores(self, process: subprocess.Popen[bytes], step_count: int) -> None:
        """Until so many checkpoints are stored, or the process ends."""
        with connect(resolve_address(self.settings)) as client:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                if client.query("select uniqExact(step) from raw_token_score").result_rows[0][0] >= step_count:
                    return
                time.sleep(0.02)

    def wait_for_marts(self, process: subprocess.Popen[bytes], table_count: int) -> None:
        """Until so many tables were made since now, or the process ends."""
        with connect(resolve_address(self.settings)) as client:
            time.sleep(1.1)  # the times of tables are whole seconds
            (started_at,) = client.query("select now()").result_rows[0]
            made = (
                "select count() from system.tables where database = currentDatabase() and engine like '%MergeTree'"
                " and metadata_modification_time >= {started_at:DateTime}"
            )
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                if client.query(made, parameters={"started_at": started_at}).result_rows[0][0] >= table_count:
                    return
                time.sleep(0.05)

"""One demonstration on the reduced suite, made by the real command, that the tests of flows look at."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from trailhouse.flows.address import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.embedded.process import stop

COMMAND = [sys.executable, "-m", "trailhouse.flows.cli"]


@dataclass(frozen=True)
class Workplace:
    """A directory in which commands are run as a user would run them."""

    directory: Path

    @property
    def settings(self) -> Settings:
        return Settings(data_directory=self.directory / "data")

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRAILHOUSE_", "PREFECT_"))}
        return {**kept, **variables}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=560,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def query(self, sql: str) -> list[tuple]:
        with connect(resolve_address(self.settings)) as client:
            return client.query(sql).result_rows

    def command(self, sql: str) -> None:
        with connect(resolve_address(self.settings)) as client:
            client.command(sql)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Iterator[Workplace]:
    """An empty directory; its embedded server is stopped at the end."""
    place = Workplace(tmp_path_factory.mktemp("workplace"))
    yield place
    stop(place.settings.warehouse_directory)


@pytest.fixture(scope="session")
def demo(workplace) -> dict:
    """What the reduced demonstration reported, run once by the command."""
    result = workplace.run("demo", "--size", "reduced", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)

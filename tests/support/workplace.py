"""A directory in which tests run commands as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.connection import connect

COMMAND = [sys.executable, "-m", "trailhouse.cli.main"]


@dataclass(frozen=True)
class Workplace:
    """A directory with its own data directory, in which commands run, each in a process of its own.

    ``prefect_url`` is the address of a Prefect server that all commands of ``run`` share. Each of them treats the
    server as one that it has started itself, which saves the seconds of a start. Without ``prefect_url``, and in
    ``start``, each command starts a Prefect server of its own.
    """

    directory: Path
    prefect_url: str | None = field(default=None, kw_only=True)

    @property
    def settings(self) -> Settings:
        return Settings(data_directory=self.directory / "data")

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRAILHOUSE_", "PREFECT_"))}
        return {**kept, **variables}

    def run(self, *arguments: str, timeout: float = 560, **variables: str) -> subprocess.CompletedProcess[str]:
        if self.prefect_url is not None:
            server = {"PREFECT_API_URL": self.prefect_url, "TRAILHOUSE_OWN_PREFECT_URL": self.prefect_url}
            variables = {**server, **variables}
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start(
        self, *arguments: str, stderr: int | IO[bytes] = subprocess.DEVNULL, **variables: str
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

    def query(self, sql: str) -> list[tuple]:
        with connect(resolve_address(self.settings)) as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def command(self, sql: str) -> None:
        with connect(resolve_address(self.settings)) as client:
            client.command(sql)

"""Commands that run in the process of the test, against a given database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trailhouse.warehouse.connection import WarehouseAddress

Command = Callable[..., tuple[int, str, str]]


def prepare_command(
    address: WarehouseAddress, directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Enter ``directory`` and return a function that runs a command; it returns (exit code, stdout, stderr)."""
    from trailhouse.cli import main as cli

    monkeypatch.chdir(directory)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_URL", address.url)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_USER", address.user)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_PASSWORD", address.password)
    monkeypatch.setenv("TRAILHOUSE_DATABASE", address.database)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        exit_code = cli.run(list(arguments))
        captured = capfd.readouterr()
        return exit_code, captured.out, captured.err

    return run

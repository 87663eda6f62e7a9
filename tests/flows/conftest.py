"""Commands run in this process against a test database, and tiny suites to run them on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_suite import TinySuite, make_suite, make_template


@pytest.fixture
def trailhouse(address, tmp_path, monkeypatch, capfd):
    """Run a command in this process against the test database; returns (exit code, stdout, stderr)."""
    from trailhouse.flows import cli

    monkeypatch.chdir(tmp_path)
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


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory) -> Path:
    """A tiny checkpoint that suites are copied from."""
    return make_template(tmp_path_factory.mktemp("tiny") / "template")


@pytest.fixture
def make_tiny_suite(tiny_template, tmp_path) -> Callable[..., TinySuite]:
    """Make a suite of tiny models below the test's directory."""

    def make(name: str, steps: list[int]) -> TinySuite:
        return make_suite(tiny_template, tmp_path, name, steps)

    return make

"""The fixture with which the tests of the command line run commands."""

import pytest

from trailhouse.cli import main as cli


@pytest.fixture
def trailhouse(address, tmp_path, monkeypatch, capfd):
    """Run a command in this process against the test database; returns (exit code, stdout, stderr)."""
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

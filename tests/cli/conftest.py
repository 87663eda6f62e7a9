"""The fixture with which the tests of the command line run commands."""

import pytest

from tests.support.command_in_process import prepare_command


@pytest.fixture
def trailhouse(address, tmp_path, monkeypatch, capfd):
    """Run a command in this process against the test database; returns (exit code, stdout, stderr)."""
    return prepare_command(address, tmp_path, monkeypatch, capfd)

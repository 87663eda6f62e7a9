"""A second server on the directory of a running one does not start. It names the first server, which goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.reliability.rows import Row


@pytest.mark.reliability(table="Reliability", row="second process on one directory", ci=1, release=10)
def test_a_second_server_names_the_first_which_goes_on(row: Row, shared_server):
    for _ in range(row.asked):
        command = [sys.executable, "-m", "trailhouse.server", str(shared_server.directory), "--port", "0"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        is_named = run.returncode == 5 and f"in use by process {shared_server.pid}" in run.stderr
        row.require(is_named, f"code {run.returncode}: {run.stderr}")
        row.require(shared_server.is_well(), "the first server is not well")
        row.done_count += 1

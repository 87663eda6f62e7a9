"""A command whose disk is full ends by itself, with the reason and exit code 5, even if it cannot clean up."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from trailhouse.cli import main as cli
from trailhouse.flows.prefect import full_disk

full_disk.KEPT_BYTES = 1 << 62  # more than the disk has

def command() -> None:
    full_disk.end_on_full_disk(Path("."))
    {body}

sys.modules["trailhouse.cli.commands.own"] = SimpleNamespace(command=command)
cli.COMMANDS["own"] = "own.command"
cli.main(["own"])
"""
BODIES = {
    "an interruption ends": "time.sleep(60)",
    "an interruption does not end": """
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
""",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_command_that(body, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, timeout=50, cwd=tmp_path
    )
    assert (result.returncode, result.stdout) == (5, "")
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: the disk of . is full: ")
    assert hint.startswith("  hint: free some space, ")

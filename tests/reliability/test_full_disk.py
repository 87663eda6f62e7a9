"""A full disk, and a directory that cannot be written.

Commands fail with an error that names the reason, store no checkpoint in part, and succeed once there is space.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.sample_load import find_partial_checkpoints, load_everything
from tests.support.workplace import COMMAND
from trailhouse.errors import TrailhouseError
from trailhouse.server.process import stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.failures import explain_failure

DISK_MEBIBYTES = 64
MAX_END_SECONDS = 10.0
DISK_IS_FULL = "the disk of the warehouse is full"


@contextlib.contextmanager
def small_disk(folder: Path, *, is_read_only: bool = False, size_mebibytes: int = DISK_MEBIBYTES) -> Iterator[Path]:
    """Mount a small file system in memory; this needs the right to mount."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mebibytes}m", "tmpfs", folder], check=True)
    try:
        if is_read_only:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def can_mount(tmp_path) -> bool:
    """Whether this process may mount a file system."""
    folder = tmp_path / "probe"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


@pytest.mark.reliability(table="Reliability", row="disk full", ci=1, release=10)
def test_a_load_on_a_full_disk_fails_by_name_and_succeeds_with_space(row: Row, can_mount, tmp_path):
    assert can_mount, "this row mounts a small disk: run it as root"
    for index in range(row.asked):
        (tmp_path / str(index)).mkdir()
        with small_disk(tmp_path / str(index)) as disk:
            load_on_full_disk(disk, row)
        row.done_count += 1
    row.detail = f"a file system of {DISK_MEBIBYTES} MiB"


def load_on_full_disk(disk: Path, row: Row) -> None:
    """Fill the disk of a new server, load, make space, and load again."""
    directory = disk / "warehouse"
    directory.mkdir()
    server = RunningServer(directory)
    try:
        address = server.new_database()
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        require_named_failure(address, DISK_IS_FULL, row)
        require_whole_checkpoints(address, row)
        ballast.unlink()
        load_everything(address)
        require_whole_checkpoints(address, row)
    finally:
        stop(directory)


def require_named_failure(address: WarehouseAddress, meaning: str, row: Row) -> None:
    """Require that a load fails with a message that contains ``meaning``."""
    try:
        load_everything(address)
    except Exception as error:
        named = error if isinstance(error, TrailhouseError) else explain_failure(error)
        row.require(named is not None and meaning in named.message, f"not named: {type(error).__name__}: {error}")
    else:
        row.require(False, f"the load succeeded, expected: {meaning}")


def require_whole_checkpoints(address: WarehouseAddress, row: Row) -> None:
    """Require that each checkpoint is stored whole or not at all."""
    with connect(address) as client:
        for problem in find_partial_checkpoints(client):
            row.require(False, problem)


@pytest.mark.reliability(table="Reliability", row="data directory on a full disk", ci=1, release=3)
def test_a_command_says_at_once_that_the_disk_of_its_data_directory_is_full(row: Row, can_mount, tmp_path):
    assert can_mount, "this row mounts a small disk: run it as root"
    environment = {**os.environ, "TRAILHOUSE_WAREHOUSE_URL": "http://127.0.0.1:9"}
    commands = (("transform",), ("score", "miniature", "--corpus", "few"), ("evaluate", "miniature"))
    for index in range(row.asked):
        folder = tmp_path / str(index)
        folder.mkdir()
        with small_disk(folder, size_mebibytes=12):
            for command in commands:
                started = time.monotonic()
                run = subprocess.run(
                    [*COMMAND, *command, "--data-directory", str(folder / "data")],
                    capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path,
                )  # fmt: skip
                seconds = time.monotonic() - started
                is_named = run.returncode == 5 and "is full" in run.stderr and len(run.stderr.splitlines()) == 2
                row.require(is_named, f"{command[0]}: code {run.returncode}: {run.stderr}")
                row.require(seconds <= MAX_END_SECONDS, f"{command[0]} took {seconds:.1f} s to end")
        row.done_count += 1


@pytest.mark.reliability(table="Reliability", row="read-only directory", ci=1, release=10)
def test_a_directory_that_cannot_be_written_is_named_in_one_line(row: Row, can_mount, tmp_path):
    for index in range(row.asked):
        folder = tmp_path / str(index)
        folder.mkdir()
        with contextlib.ExitStack() as stack:
            if can_mount:
                stack.enter_context(small_disk(folder, is_read_only=True))
            else:
                folder.chmod(0o500)
            run = subprocess.run(
                [*COMMAND, "init", "--data-directory", str(folder)], capture_output=True, text=True, timeout=120
            )
        is_named = run.returncode == 2 and str(folder) in run.stderr and "Traceback" not in run.stderr
        row.require(is_named, f"code {run.returncode}: {run.stderr}")
        row.done_count += 1

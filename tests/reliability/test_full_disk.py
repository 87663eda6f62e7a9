"""A full disk, and a directory that cannot be written.

Commands fail with an error that names the reason, store no checkpoint in part, and succeed once there is space.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.sample_load import find_partial_checkpoints, load_everything
from tests.support.tiny_suite import make_suite, make_template
from tests.support.workplace import COMMAND, Workplace
from trailhouse.errors import TrailhouseError
from trailhouse.server.process import stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.failures import explain_failure

DISK_MEBIBYTES = 64
SCORE_MEBIBYTES = 192
STEPS = list(range(1, 13))
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
        fill(ballast)
        require_named_failure(address, DISK_IS_FULL, row)
        require_whole_checkpoints(address, row)
        ballast.unlink()
        load_everything(address)
        require_whole_checkpoints(address, row)
    finally:
        stop(directory)


def fill(ballast: Path) -> None:
    """Write a file that takes all free space of its disk."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass


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
    commands = (("transform",), ("score", "miniature", "--corpus", "few"), ("evaluate", "miniature"))
    for index in range(row.asked):
        place = Workplace(tmp_path / str(index))
        place.settings.data_directory.mkdir(parents=True)
        with small_disk(place.settings.data_directory, size_mebibytes=12):
            try:
                add_few_texts(place)
                for command in commands:
                    started = time.monotonic()
                    run = place.run(*command, timeout=120)
                    seconds = time.monotonic() - started
                    is_named = run.returncode == 5 and "is full" in run.stderr and len(run.stderr.splitlines()) == 2
                    row.require(is_named, f"{command[0]}: code {run.returncode}: {run.stderr}")
                    row.require(seconds <= MAX_END_SECONDS, f"{command[0]} took {seconds:.1f} s to end")
            finally:
                stop(place.settings.warehouse_directory)
        row.done_count += 1


def add_few_texts(place: Workplace) -> None:
    """Store a corpus called few, and thereby make the warehouse."""
    (place.directory / "few.txt").write_text("The parser reads the file and returns a tuple.\n" * 4)
    assert place.run("corpus", "add", "few.txt", "--name", "few").returncode == 0


@pytest.mark.reliability(table="Reliability", row="disk that fills under score", ci=1, release=5)
def test_score_ends_by_name_when_its_disk_fills_and_goes_on_once_there_is_space(row: Row, can_mount, tmp_path):
    assert can_mount, "this row mounts a small disk: run it as root"
    template = make_template(tmp_path / "template")
    for index in range(row.asked):
        folder = tmp_path / str(index)
        (folder / "data").mkdir(parents=True)
        suite = make_suite(template, folder, "filled", STEPS)
        with small_disk(folder / "data", size_mebibytes=SCORE_MEBIBYTES):
            place = Workplace(folder)
            try:
                fill_disk_of_score(place, ("score", str(suite.declaration), "--corpus", "few"), row)
            finally:
                stop(place.settings.warehouse_directory)
        row.done_count += 1


def fill_disk_of_score(place: Workplace, score: tuple[str, ...], row: Row) -> None:
    """Fill the disk of the data directory after the first scored checkpoint, make it larger, and score again."""
    add_few_texts(place)
    errors = place.directory / "errors"
    with errors.open("wb") as stderr:
        process = place.start(*score, stderr=stderr)
    while process.poll() is None and len(read_scored(place)) == 0:
        time.sleep(0.05)
    row.require(process.poll() is None, f"score ended before the disk was full: {errors.read_text()}")
    data = place.settings.data_directory
    fill(data / "ballast")
    filled_at = time.monotonic()
    code = process.wait(120)
    seconds, said = time.monotonic() - filled_at, errors.read_text()
    *_, error, hint = said.splitlines()  # a line about the progress may come before
    is_named = code == 5 and error.startswith("error: ") and "is full" in error and hint.startswith("  hint: ")
    row.require(is_named and "Traceback" not in said, f"code {code}: {said}")
    row.require(seconds <= MAX_END_SECONDS, f"score took {seconds:.1f} s to end")
    subprocess.run(["mount", "-o", f"remount,size={4 * SCORE_MEBIBYTES}m", data], check=True)
    before = read_scored(place)
    again = place.run(*score, "--json")
    row.require(again.returncode == 0, f"after more space, code {again.returncode}: {again.stderr}")
    after = read_scored(place)
    row.require(0 < len(before) < len(after) == len(STEPS), f"{len(before)} steps scored before, {len(after)} after")
    is_kept = again.returncode == 0 and json.loads(again.stdout)["already_scored_count"] == len(before)
    row.require(is_kept and len(set(after.values())) == 1, "scores were lost, doubled or made again")
    row.detail = f"score ended in {seconds:.1f} s"


def read_scored(place: Workplace) -> dict[int, int]:
    """Return the number of scores of each step that the ledger states as complete."""
    steps = "select step from raw_score_ledger final where is_complete"
    return dict(place.query(f"select step, count() from raw_token_score where step in ({steps}) group by step"))


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

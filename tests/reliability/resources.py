"""What runs out, is forbidden or goes wrong outside: disk, permissions, memory, clock, signals, a second process."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reliability.bench import Bench, OwnServer
from tests.reliability.check import Outcome
from tests.reliability.content import describe_difference
from tests.reliability.load_path import find_torn, load_everything, make_batches, scored_partition
from tests.support.workplace import COMMAND
from trailhouse.errors import TrailhouseError
from trailhouse.server.process import stop
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.failures import explain_failure
from trailhouse.warehouse.loading import row_versions
from trailhouse.warehouse.loading.score_ledger import load_scores, read_score_keys

MAX_DRAIN_SECONDS = 10.0
_DISK_MEBIBYTES = 64


@contextlib.contextmanager
def small_disk(folder: Path, *, is_read_only: bool = False) -> Iterator[Path]:
    """A file system of 64 MiB in memory. Needs the right to mount."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_MEBIBYTES}m", "tmpfs", folder], check=True)
    try:
        if is_read_only:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a file system."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


def fill_disk(bench: Bench, count: int) -> Outcome:
    """A load meets a full disk: a named error, nothing in part; with space again, the same load ends well."""
    outcome = Outcome()
    if not can_mount(bench.folder("probe")):
        outcome.require(False, "this check mounts a small disk: run it as root")
        return outcome
    for _ in range(count):
        with small_disk(bench.folder("disk")) as disk:
            directory = disk / "warehouse"
            directory.mkdir()
            server = OwnServer(directory)
            try:
                address = server.new_database()
                ballast = disk / "ballast"
                with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                    while file.write(bytes(1 << 16)):
                        pass
                expect_named_failure(outcome, server, address.database, "the disk of the warehouse is full")
                ballast.unlink()
                load_everything(address)
                with connect(address) as client:
                    outcome.failures += find_torn(client)
            finally:
                stop(directory)
        outcome.done_count += 1
    outcome.detail = f"a file system of {_DISK_MEBIBYTES} MiB"
    return outcome


def expect_named_failure(outcome: Outcome, server: OwnServer, database: str, meaning: str) -> None:
    """A load has to fail for the reason that is expected."""
    try:
        load_everything(server.address(database))
    except Exception as error:
        named = error if isinstance(error, TrailhouseError) else explain_failure(error)
        outcome.require(named is not None and meaning in named.message, f"not named: {type(error).__name__}: {error}")
    else:
        outcome.failures.append(f"the load succeeded, expected: {meaning}")
    with connect(server.address(database)) as client:
        outcome.failures += find_torn(client)


def forbid_writing(bench: Bench, count: int) -> Outcome:
    """Commands on a directory that cannot be written say so in one line and end with code 2."""
    outcome = Outcome()
    for _ in range(count):
        with contextlib.ExitStack() as stack:
            folder = bench.folder("read-only")
            if can_mount(folder):
                stack.enter_context(small_disk(folder, is_read_only=True))
            else:
                folder.chmod(0o500)
            run = subprocess.run(
                [*COMMAND, "init", "--data-directory", str(folder)], capture_output=True, text=True, timeout=120
            )
            is_named = run.returncode == 2 and str(folder) in run.stderr and "Traceback" not in run.stderr
            outcome.require(is_named, f"code {run.returncode}: {run.stderr}")
        outcome.done_count += 1
    return outcome


def cap_memory(bench: Bench, count: int) -> Outcome:
    """A server with little memory refuses what needs more, by name, and answers the next query."""
    outcome = Outcome()
    directory = bench.folder("capped")
    command = [sys.executable, "-m", "trailhouse.server", str(directory), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--memory-limit-bytes", str(600 << 20)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not (directory / "server.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        server = OwnServer(directory)
        address = server.address("default")
        for _ in range(count):
            with connect(address) as client:
                try:
                    client.query("select length(groupArray(number)) from numbers(1000000000)")
                    outcome.failures.append("the query succeeded")
                except ClickHouseError as error:
                    named = explain_failure(error)
                    is_named = named is not None and "too little memory" in named.message
                    outcome.require(is_named, f"not named: {error}")
                outcome.require(client.query("select 42").result_rows == [(42,)], "a wrong answer afterwards")
            resident = server.resident_bytes() >> 20
            outcome.require(resident < 1200, f"{resident} MiB resident with a limit of 600")
            outcome.detail = f"{resident} MiB resident, limit 600"
            outcome.done_count += 1
    finally:
        process.terminate()
        process.wait(30)
    return outcome


class EarlierClock(datetime):
    """A clock that was turned back by two hours."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        """The time two hours ago."""
        return datetime.now(UTC) - timedelta(hours=2)


def turn_clock_back(bench: Bench, count: int) -> Outcome:
    """Scores of other weights, written after the clock was turned back, replace the old ones all the same."""
    outcome = Outcome()
    for _ in range(count):
        address = bench.server.new_database()
        load_everything(address)
        replacement = scored_partition(1, weights="b")
        with connect(address) as client:
            with patch.object(row_versions, "datetime", EarlierClock):
                load_scores(client, replacement, make_batches(1, -1), uuid.uuid4(), datetime.now(UTC))
            key = read_score_keys(client, replacement.corpus_id).get(("s/m", 1))
            outcome.require(key == replacement.score_key, "the ledger vouches for the replaced scores")
            outcome.failures += find_torn(client)
        bench.server.drop(address)
        outcome.done_count += 1
    outcome.detail = "two hours, as the loader sees it"
    return outcome


def terminate(bench: Bench, count: int) -> Outcome:
    """SIGTERM to a server with running queries: it drains within ten seconds; to a worker: the rerun is whole."""
    outcome = Outcome()
    slowest = 0.0
    server = bench.new_server("terminated")
    for _ in range(count):
        answers: list[str] = []
        queries = ["SELECT sum(sleep(0.1)) FROM numbers(20)", "SELECT sum(sleep(0.1)) FROM numbers(6000)"]
        threads = [threading.Thread(target=ask, args=(server, query, answers)) for query in queries]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        started = time.monotonic()
        stop(server.directory)
        slowest = max(slowest, time.monotonic() - started)
        for thread in threads:
            thread.join()
        outcome.require("0\n" in answers, "a query that was nearly done was cut off")
        server.start()
        terminate_worker(bench, outcome)
        outcome.done_count += 1
    outcome.require(slowest <= MAX_DRAIN_SECONDS, f"the server took {slowest:.1f} s to end")
    outcome.detail = f"server ended in {slowest:.1f} s"
    return outcome


def ask(server: OwnServer, query: str, answers: list[str]) -> None:
    """Ask, and keep the answer if there is one."""
    with contextlib.suppress(httpx.HTTPError), server.client() as client:
        answers.append(client.post("/", content=f"{query} SETTINGS max_block_size = 1").text)


def terminate_worker(bench: Bench, outcome: Outcome) -> None:
    """End `trailhouse score` in the middle, and run it again."""
    place = bench.workplace
    expected = place.read_content()
    place.command("truncate table raw_token_score")
    place.command("truncate table raw_score_ledger")
    process = place.start(*place.score)
    place.wait_for_scores(process, 1)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    process.wait(60)
    seconds = time.monotonic() - started
    outcome.require(seconds <= MAX_DRAIN_SECONDS, f"the worker took {seconds:.1f} s to end")
    place.must_run(*place.score)
    difference = describe_difference(place.read_content(), expected)
    outcome.require(not difference, f"scored again after SIGTERM, {difference} differ")


def open_twice(bench: Bench, count: int) -> Outcome:
    """A second server on a directory is told who has it, and the first goes on."""
    outcome = Outcome()
    server = bench.server
    for _ in range(count):
        command = [sys.executable, "-m", "trailhouse.server", str(server.directory), "--port", "0"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        is_named = run.returncode == 5 and f"in use by process {server.pid}" in run.stderr
        outcome.require(is_named, f"code {run.returncode}: {run.stderr}")
        outcome.require(server.is_well(), "the first server is not well")
        outcome.done_count += 1
    return outcome

"""Too little memory: for a query of the server, and for scoring a model.

Both fail with an error that says so, and no scores are stored in part.
"""

from __future__ import annotations

import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.tiny_suite import make_suite, make_template
from tests.support.workplace import Workplace
from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.failures import explain_failure

LIMIT_MEBIBYTES = 600
MAX_RESIDENT_MEBIBYTES = 1200
# with this many rows and 16 columns of float32, the embedding and the LM head have 512 MiB together
LARGE_VOCABULARY = 1 << 22
SLACK_BYTES = 256 << 20
MAX_SECONDS = 120


@pytest.fixture
def limited_server(tmp_path):
    """A server whose queries may hold 600 MiB together."""
    ensure_running(tmp_path, memory_limit_bytes=LIMIT_MEBIBYTES << 20)
    yield RunningServer(tmp_path)
    stop(tmp_path)


@pytest.mark.reliability(table="Reliability", row="memory cap", ci=1, release=10)
def test_a_query_that_needs_too_much_memory_is_refused_and_the_next_is_answered(row: Row, limited_server):
    for _ in range(row.asked):
        with connect(limited_server.address("default")) as client:
            try:
                client.query("select length(groupArray(number)) from numbers(1000000000)")
                row.require(False, "the query succeeded")
            except ClickHouseError as error:
                named = explain_failure(error)
                row.require(named is not None and "too little memory" in named.message, f"not named: {error}")
            row.require(client.query("select 42").result_rows == [(42,)], "a wrong answer afterwards")
        resident = limited_server.resident_bytes() >> 20
        row.require(
            resident < MAX_RESIDENT_MEBIBYTES, f"{resident} MiB are resident, with a limit of {LIMIT_MEBIBYTES}"
        )
        row.detail = f"{resident} MiB resident, limit {LIMIT_MEBIBYTES}"
        row.done_count += 1


@pytest.fixture
def place(tmp_path):
    """A workplace with a corpus of one line."""
    place = Workplace(tmp_path)
    (tmp_path / "line.txt").write_text("The parser reads the file and returns a tuple.")
    for command in (("init",), ("corpus", "add", "line.txt", "--name", "line")):
        place.run(*command).check_returncode()
    yield place
    stop(place.settings.warehouse_directory)


@pytest.mark.reliability(table="Reliability", row="out of memory in scoring", ci=1, release=10)
def test_a_model_that_the_memory_does_not_hold_is_named_and_not_stored_in_part(row: Row, place, tmp_path):
    small, large = (
        make_suite(make_template(tmp_path / f"{name}-template", size), tmp_path, name, [0]).declaration
        for name, size in (("small", None), ("large", LARGE_VOCABULARY))
    )
    code, message, needed_bytes = score_within(place, small, resource.RLIM_INFINITY, tmp_path / "stderr")
    assert (code, needed_bytes > 0) == (0, True), message
    limit_bytes = needed_bytes + SLACK_BYTES
    stored = "select count() from raw_token_score where model_id = 'large/tiny'"
    for _ in range(row.asked):
        code, message, _ = score_within(place, large, limit_bytes, tmp_path / "stderr")
        is_named = code in (2, 4) and "memory" in message and "hint:" in message and "Traceback" not in message
        row.require(is_named, f"code {code}: {message[-400:]}")
        row.require(place.query(stored) == [(0,)], f"{place.query(stored)} scores of a model that did not fit")
        row.done_count += 1
    place.run("score", str(large), "--corpus", "line").check_returncode()
    scored = "select score_count from raw_score_ledger final where model_id = 'large/tiny' and is_complete"
    row.require(place.query(stored) == place.query(scored) != [(0,)], "with memory, it was not scored")
    row.detail = f"a limit of {limit_bytes >> 20} MiB of addresses"


def score_within(place: Workplace, declaration: Path, limit_bytes: int, log: Path) -> tuple[int, str, int]:
    """Score a suite in a process whose address space is limited to ``limit_bytes``.

    Return the exit code, the messages, and the largest size of the address space in bytes.
    """
    with log.open("wb") as file:
        process = place.start("score", str(declaration), "--corpus", "line", stderr=file)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    largest_bytes = 0
    deadline = time.monotonic() + MAX_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            found = re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            largest_bytes = max(largest_bytes, int(found[1]) << 10 if found else 0)
            time.sleep(0.1)
        return process.wait(0.1), log.read_text(), largest_bytes
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(), f"it hung, and wrote: {log.read_text()}", largest_bytes

"""SIGTERM: a server answers the queries that are nearly done, and ends within ten seconds.

A scoring run ends as quickly, and the next run completes its work.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import httpx
import pytest

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.reliability.scored_workplace import SCORE, ScoredWorkplace
from trailhouse.server.process import stop

MAX_DRAIN_SECONDS = 10.0
SHORT_QUERY = "SELECT sum(sleep(0.1)) FROM numbers(20)"
LONG_QUERY = "SELECT sum(sleep(0.1)) FROM numbers(6000)"


@pytest.mark.reliability(table="Reliability", row="SIGTERM", ci=1, release=10)
def test_server_and_scoring_worker_end_within_ten_seconds(row: Row, start_server, scored_workplace: ScoredWorkplace):
    server = start_server()
    slowest_server = slowest_worker = 0.0
    for _ in range(row.asked):
        slowest_server = max(slowest_server, end_server(server, row))
        slowest_worker = max(slowest_worker, end_worker(scored_workplace, row))
        row.done_count += 1
    row.require(slowest_server <= MAX_DRAIN_SECONDS, f"the server took {slowest_server:.1f} s to end")
    row.require(slowest_worker <= MAX_DRAIN_SECONDS, f"the worker took {slowest_worker:.1f} s to end")
    row.detail = f"server ended in {slowest_server:.1f} s, worker in {slowest_worker:.1f} s"


def end_server(server: RunningServer, row: Row) -> float:
    """Send SIGTERM during two queries, of which the short one must be answered; return the seconds until the end."""
    answers: list[str] = []
    threads = [threading.Thread(target=ask, args=(server, query, answers)) for query in (SHORT_QUERY, LONG_QUERY)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    started = time.monotonic()
    stop(server.directory)
    seconds = time.monotonic() - started
    for thread in threads:
        thread.join()
    row.require("0\n" in answers, "a query that was nearly done was cut off")
    server.start()
    return seconds


def ask(server: RunningServer, query: str, answers: list[str]) -> None:
    """Append the answer of a query, if there is one."""
    with contextlib.suppress(httpx.HTTPError), server.client() as client:
        answers.append(client.post("/", content=f"{query} SETTINGS max_block_size = 1").text)


def end_worker(place: ScoredWorkplace, row: Row) -> float:
    """Send SIGTERM to `trailhouse score` between two checkpoints, and return the seconds until it ends.

    Then the command runs again, and has to complete the scores.
    """
    expected = place.read_content()
    place.forget_scores()
    process = place.start(*SCORE)
    place.wait_for_scores(process, 1)
    row.require(process.poll() is None, "the scoring worker ended before it was signalled")
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    process.wait(60)
    seconds = time.monotonic() - started
    place.must_run(*SCORE)
    difference = place.describe_difference(expected)
    row.require(not difference, f"scored again after SIGTERM, {difference} differ")
    return seconds

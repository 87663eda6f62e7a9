"""Mutated HTTP requests: the server stays up and quick, and its connections stay in step.

A connection is in step if each request on it gets its own answer, and not that of an earlier request.
"""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.reliability.rows import Row
from tests.support.http_requests import FuzzReport, seed_requests, send_mutated, send_request

MAX_ANSWER_SECONDS = 5.0
CLIENT_COUNT = 8
# a slow request is sent again: the machine may have been busy
ATTEMPTS = 3


@pytest.mark.reliability(table="Security", row="HTTP fuzz", ci=5000, release=200000, smoke=80)
def test_mutated_requests_neither_crash_nor_hang_nor_confuse_the_server(row: Row, shared_server):
    seeds = seed_requests(*shared_server.admin)
    address, pid = shared_server.host_and_port, shared_server.pid

    def send(number: int) -> FuzzReport:
        generator = random.Random(f"{row.seed}-{number}")
        return send_mutated(address, seeds, generator, -(-row.asked // CLIENT_COUNT))

    with ThreadPoolExecutor(CLIENT_COUNT) as pool:
        reports = list(pool.map(send, range(CLIENT_COUNT)))
    for problem in itertools.chain.from_iterable(report.problems for report in reports):
        row.require(False, problem)
    in_step_count = sum(report.in_step_count for report in reports)
    row.require(in_step_count > row.asked // 5, f"only {in_step_count} connections went on after a mutated request")
    slowest = max(reports, key=lambda report: report.slowest_seconds)
    seconds, repeat_count = slowest.slowest_seconds, 0
    while seconds >= MAX_ANSWER_SECONDS and repeat_count < ATTEMPTS - 1:
        seconds = min(seconds, send_request(address, slowest.slowest_request, seeds, FuzzReport()))
        repeat_count += 1
    row.require(seconds < MAX_ANSWER_SECONDS, f"an answer took {seconds:.1f} s: {slowest.slowest_request!r}")
    row.require(shared_server.pid == pid and shared_server.is_well(), "the server is not well")
    row.done_count = -(-row.asked // CLIENT_COUNT) * CLIENT_COUNT
    row.detail = (
        f"slowest answer {seconds:.2f} s, best of {repeat_count + 1}; {in_step_count} connections stayed in step"
    )


@pytest.mark.reliability(table="Security", row="failing inserts on one connection", ci=50, release=50)
def test_a_connection_stays_in_step_after_a_failing_insert(row: Row, shared_server):
    with shared_server.client() as client:
        for number in range(row.asked):
            client.post("/", content="INSERT INTO nowhere FORMAT CSV\n1,2,3\n")
            answer = client.post("/", content=f"SELECT {number}").text
            row.require(answer == f"{number}\n", f"out of step: {answer[:80]!r} instead of {number}")
            row.done_count += 1

"""Answers of the server: none contains bytes of another, and each equals the engine's own answer byte for byte."""

from __future__ import annotations

import contextlib
import itertools

import httpx
import pytest

from tests.reliability.rows import Row
from tests.support.failing_queries import FAILING, FORMATS, without_timings
from tests.support.parity_queries import answer_in_process, require_answers
from trailhouse.warehouse.upkeep.server_comparison import choose_formats, generate_queries

# a run that is asked for more answers than this is a long one
SHORT_RUN_COUNT = 2000
# (number of other expressions that each expression is combined with, number of formats in which each query is asked)
SHORT_RUN = (1, 4)
LONG_RUN = (30, 12)


@pytest.mark.reliability(table="Reliability", row="failing query, then canary", ci=200, release=10000, smoke=48)
def test_the_answer_after_a_failed_query_is_its_own(row: Row, shared_server):
    requests = itertools.cycle(itertools.product(FORMATS, ({}, {"session_id": "canary"}), ("0", "1")))
    with shared_server.client() as client:
        for output_format, session, wait in itertools.islice(requests, row.asked):
            options = {**session, "wait_end_of_query": wait}
            canary = f"SELECT 42 AS x FORMAT {output_format}"
            expected = client.post("/", params=options, content=canary).content
            with contextlib.suppress(httpx.RemoteProtocolError):  # the server cuts off an answer that has begun
                failed = client.post("/", params=options, content=f"{FAILING} FORMAT {output_format}")
                row.require(failed.status_code == 500, f"the failing query answered {failed.status_code}")
            answer = client.post("/", params=options, content=canary).content
            is_own = without_timings(answer) == without_timings(expected)
            row.require(is_own, f"{output_format} {options}: {answer[:80]!r}")
            row.done_count += 1


@pytest.mark.reliability(table="Reliability", row="server against engine, answers", ci=2000, release=60000)
def test_answers_equal_those_of_the_engine_without_the_server(row: Row, shared_server, tmp_path):
    companion_count, format_count = LONG_RUN if row.asked > SHORT_RUN_COUNT else SHORT_RUN
    queries = generate_queries(companion_count)
    answers = answer_in_process(tmp_path, choose_formats(queries, format_count))
    require_answers(answers)
    with shared_server.client() as client:
        for query, output_format, expected in answers:
            answer = client.post("/", params={"default_format": output_format}, content=query.encode())
            seen = answer.content.hex() if answer.status_code == 200 else "error"
            row.require(seen == expected, f"{output_format}: {query}")
            row.done_count += 1
    row.detail = f"{len(queries)} queries, {format_count} formats each"

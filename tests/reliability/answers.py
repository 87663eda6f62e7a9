"""Answers of the server: its own and no other's, and the engine's to the byte."""

from __future__ import annotations

import contextlib
import itertools

import httpx

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from tests.support.failing_queries import FAILING, FORMATS, without_timings
from tests.support.parity_queries import answer_in_process, require_answers
from trailhouse.warehouse.upkeep.server_comparison import choose_formats, generate_queries

_PLAIN_ANSWERS = 2000
_PLAIN_FORMATS = 4
_THOROUGH_FORMATS = 12
_COMPANIONS = 30


def send_canaries(bench: Bench, count: int) -> Outcome:
    """A query that fails after rows, then one with a known answer, in every format, with and without a session."""
    outcome = Outcome()
    ways = itertools.cycle(itertools.product(FORMATS, ({}, {"session_id": "canary"}), ("0", "1")))
    with bench.server.client() as client:
        for output_format, session, wait in itertools.islice(ways, count):
            options = {**session, "wait_end_of_query": wait}
            canary = f"SELECT 42 AS x FORMAT {output_format}"
            expected = client.post("/", params=options, content=canary).content
            with contextlib.suppress(httpx.RemoteProtocolError):  # a result that had begun is cut off
                failed = client.post("/", params=options, content=f"{FAILING} FORMAT {output_format}")
                outcome.require(failed.status_code == 500, f"the failing query answered {failed.status_code}")
            answer = client.post("/", params=options, content=canary).content
            is_own = without_timings(answer) == without_timings(expected)
            outcome.require(is_own, f"{output_format} {options}: {answer[:80]!r}")
            outcome.done_count += 1
    return outcome


def compare_with_engine(bench: Bench, count: int) -> Outcome:
    """Queries through the server and in-process, answer by answer; every pair of expressions where many are asked."""
    outcome = Outcome()
    is_thorough = count > _PLAIN_ANSWERS
    queries = generate_queries(_COMPANIONS if is_thorough else 1)
    format_count = _THOROUGH_FORMATS if is_thorough else _PLAIN_FORMATS
    asked = choose_formats(queries, format_count)
    with bench.server.client() as client:
        answers = answer_in_process(bench.folder("in-process"), asked)
        require_answers(answers)
        for query, output_format, expected in answers:
            answer = client.post("/", params={"default_format": output_format}, content=query.encode())
            seen = answer.content.hex() if answer.status_code == 200 else "error"
            outcome.require(seen == expected, f"{output_format}: {query}")
            outcome.done_count += 1
    outcome.detail = f"{len(queries)} queries, {format_count} formats each"
    return outcome

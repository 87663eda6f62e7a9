"""The same SQL returns the same bytes through the server as from the engine in-process."""

from __future__ import annotations

import pytest

from tests.support.parity_queries import answer_in_process, require_answers
from trailhouse.warehouse.upkeep.server_comparison import FORMATS, choose_formats, generate_queries


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> list[tuple[str, str, str]]:
    answered = answer_in_process(tmp_path_factory.mktemp("in_process"), choose_formats(generate_queries()))
    assert len(answered) >= 4 * 470
    require_answers(answered)
    return answered


@pytest.mark.parametrize("wait_end_of_query", ["0", "1"])
def test_the_server_answers_byte_for_byte_as_the_engine_does(http, answers, wait_end_of_query):
    different = []
    for query, output_format, expected in answers[int(wait_end_of_query) :: 2]:
        params = {"default_format": output_format, "wait_end_of_query": wait_end_of_query}
        answer = http.post("/", params=params, content=query.encode())
        seen = answer.content.hex() if answer.status_code == 200 else "error"
        if seen != expected:
            different.append((query, output_format, answer.content[:200], expected[:200]))
    assert different == []


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_streamed_result_is_the_same_as_a_held_one(http, output_format):
    query = "SELECT number, toString(number) AS s, number / 3 AS f FROM numbers(200000) ORDER BY number"
    query += f" FORMAT {output_format}"
    held = http.post("/", params={"wait_end_of_query": "1", "max_threads": "1"}, content=query)
    streamed = http.post("/", params={"max_threads": "1"}, content=query)
    assert streamed.content == held.content
    assert held.status_code == streamed.status_code == 200

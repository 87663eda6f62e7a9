"""The summary of a result, and results that are sent after the end of the query."""

from __future__ import annotations

import json

import httpx


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_the_summary_counts_what_was_read_and_written(http, table):
    written = json.loads(
        ask(http, f"INSERT INTO {table} SELECT number, 'x' FROM numbers(1000)").headers["X-ClickHouse-Summary"]
    )
    assert written["written_rows"] == "1000"
    read = json.loads(ask(http, f"SELECT sum(a), any(b) FROM {table}").headers["X-ClickHouse-Summary"])
    assert (read["read_rows"], read["result_rows"]) == ("1000", "1")
    assert all(isinstance(value, str) for value in read.values())


def test_a_large_result_that_waits_for_its_end_comes_whole(http):
    answer = ask(http, "SELECT number, repeat('x', 90) FROM numbers(1000000)", wait_end_of_query="1")
    assert (answer.headers["Content-Length"], answer.content.count(b"\n")) == (str(len(answer.content)), 1000000)

"""INSERTs whose rows follow in the body: rows that were not stored are not acknowledged."""

from __future__ import annotations

import contextlib
import time

import httpx
import pytest


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_a_failed_insert_reads_the_rest_of_the_body_and_keeps_the_connection(http):
    rows = (b"1\n" * 100000 for _ in range(20))
    answer = http.post("/", params={"query": "INSERT INTO nowhere FORMAT CSV"}, content=rows)
    assert answer.status_code == 404
    assert ask(http, "SELECT 1").text == "1\n"


@pytest.mark.parametrize("row_count", [2, 300000])
def test_rows_that_the_engine_refuses_when_it_stores_them_are_not_acknowledged(http, row_count):
    ask(http, "CREATE OR REPLACE TABLE parted (a Int64) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a")
    rows = "".join(f"{number}\n" for number in range(row_count))
    insert = {"query": "INSERT INTO parted FORMAT CSV", "max_partitions_per_insert_block": "1"}
    refused = http.post("/", params=insert, content=rows)
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "252")
    assert ask(http, "SELECT count() FROM parted").text == "0\n"
    assert ask(http, "DROP TABLE parted").status_code == 200


def test_an_insert_whose_client_leaves_stores_nothing(server, http, table):
    with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=server.url, auth=server.admin) as client:

        def rows():
            yield b"1\tx\n" * 1000
            time.sleep(0.2)
            raise httpx.WriteError("gone")

        client.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV"}, content=rows())
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    deadline = time.monotonic() + 20
    while ask(http, running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(http, f"SELECT count() FROM {table}").text == "0\n"

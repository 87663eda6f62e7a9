"""Query ids, and the end of queries that are killed or whose client leaves."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_the_query_id_is_echoed_or_made(http):
    assert ask(http, "SELECT 1", query_id="my id").headers["X-ClickHouse-Query-Id"] == "my id"
    assert uuid.UUID(ask(http, "SELECT 1").headers["X-ClickHouse-Query-Id"])
    assert ask(http, "SELEC", query_id="failed").headers["X-ClickHouse-Query-Id"] == "failed"


def test_kill_query_knows_the_clients_query_ids(http):
    answers = []
    slow = threading.Thread(
        target=lambda: answers.append(
            ask(http, "SELECT sum(sleep(0.1)) FROM numbers(600) SETTINGS max_block_size = 1", query_id="slow-one")
        )
    )
    started = time.monotonic()
    slow.start()
    time.sleep(0.5)
    assert "216" in ask(http, "SELECT 1", query_id="slow-one").headers["X-ClickHouse-Exception-Code"]
    killed = ask(http, "KILL QUERY WHERE query_id = 'slow-one' SYNC")
    slow.join()
    assert killed.status_code == 200
    assert time.monotonic() - started < 20
    assert answers[0].headers["X-ClickHouse-Exception-Code"] == "394"


@pytest.mark.parametrize("settings", ["", ", log_comment = 'of my own'"])
def test_a_client_that_leaves_ends_its_query(http, server, settings):
    name = uuid.uuid4().hex
    query = f"SELECT sum(sleep(0.1)) AS t{name} FROM numbers(6000) SETTINGS max_block_size = 1{settings}"
    running = f"SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum%t{name}%'"

    def abandon() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url, auth=server.admin, timeout=1.5, content=query)

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(abandon)
        wait_for_answer(http, running, "1\n")
        leaving.result()
    wait_for_answer(http, running, "0\n")


def wait_for_answer(http, query, answer):
    deadline = time.monotonic() + 10
    while (seen := ask(http, query).text) != answer:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)

"""The server survives malformed, oversized and slow requests."""

from __future__ import annotations

import base64
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.http_requests import FuzzReport, seed_requests, send_mutated


def dial(server) -> socket.socket:
    address = httpx.URL(server.url)
    return socket.create_connection((address.host, address.port), timeout=5)


def assert_well(server) -> None:
    started = time.monotonic()
    assert httpx.get(server.url + "/ping").text == "Ok.\n"
    assert time.monotonic() - started < 5


def test_mutated_requests_neither_crash_nor_hang_the_server(server):
    seeds = seed_requests(*server.admin)
    address = httpx.URL(server.url)

    def fuzz(seed: int) -> FuzzReport:
        return send_mutated((address.host, address.port), seeds, random.Random(seed), 625)

    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(fuzz, range(8)))
    assert [problem for report in reports for problem in report.problems] == []
    assert max(report.slowest_seconds for report in reports) < 5
    assert sum(report.in_step_count for report in reports) > 1000
    assert_well(server)
    assert httpx.post(server.url, auth=server.admin, content="SELECT 1").text == "1\n"


def test_answers_on_one_connection_stay_in_step(server):
    generator = random.Random(7)
    with httpx.Client(base_url=server.url, auth=server.admin) as client:
        for number in range(300):
            bad = generator.choice(
                ["SELEC", "SELECT throwIf(1)", "INSERT INTO nowhere FORMAT CSV\n1,2,3\n", "SELECT 1; SELECT 2"]
            )
            assert client.post("/", content=bad).status_code >= 400
            assert client.post("/", content=f"SELECT {number}").text == f"{number}\n"


def test_pipelined_requests_are_answered_in_order(server):
    _, _, request, *_ = seed_requests(*server.admin)
    with dial(server) as connection:
        connection.sendall(b"".join(request.replace(b" 1", b" %d" % number) for number in range(5)))
        received = b""
        while received.count(b"HTTP/1.1 200") < 5 or not received.endswith(b"4\n"):
            received += connection.recv(65536)
    positions = [received.index(b"\r\n\r\n%d\n" % number) for number in range(5)]
    assert positions == sorted(positions)


def test_a_url_of_a_mebibyte_is_read_and_a_longer_one_refused(server):
    credentials = base64.b64encode(":".join(server.admin).encode())
    query = b"GET /?max_query_size=2000000&query=SELECT%%201--%s HTTP/1.1\r\n" % (b"x" * ((1 << 20) - 100))
    with dial(server) as connection:
        connection.sendall(query + b"Host: localhost\r\nAuthorization: Basic " + credentials + b"\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    with dial(server) as connection:
        try:
            connection.sendall(b"GET /?query=" + b"x" * (3 << 20))
            received = connection.recv(65536)
        except ConnectionError:
            received = b""
    assert received == b"" or received.startswith((b"HTTP/1.1 414", b"HTTP/1.1 400"))
    assert_well(server)


def test_statements_have_a_limit_that_rows_have_not(http, table):
    assert http.post("/", content=b"SELECT '" + b"x" * (5 << 20) + b"'").status_code == 413
    rows = b"1\t" + b"x" * (5 << 20) + b"\n"
    assert http.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV"}, content=rows).status_code == 200


def test_a_client_that_does_not_read_holds_nobody_up(server):
    credentials = base64.b64encode(":".join(server.admin).encode())
    query = b"SELECT number FROM numbers(100000000)"
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n\r\n%s"
    connections = [dial(server) for _ in range(20)]
    for connection in connections:
        connection.sendall(request % (credentials, len(query), query))
    assert_well(server)
    assert httpx.post(server.url, auth=server.admin, content="SELECT 1").text == "1\n"
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 20
    running = "SELECT count() FROM system.processes WHERE query LIKE '%100000000%' AND query NOT LIKE '%processes%'"
    while httpx.post(server.url, auth=server.admin, content=running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_limits_on_results_and_memory_are_kept(http):
    too_many = http.post("/", params={"max_result_rows": "10"}, content="SELECT number FROM numbers(100)")
    assert too_many.headers["X-ClickHouse-Exception-Code"] == "396"
    too_large = http.post(
        "/", params={"max_memory_usage": "1000000"}, content="SELECT groupArray(number) FROM numbers(10000000)"
    )
    assert too_large.headers["X-ClickHouse-Exception-Code"] == "241"


@pytest.mark.parametrize("head", [b"", b"GET", b"POST / HTTP/1.1\r\nHost: localhost\r\n"])
def test_half_a_request_does_not_hold_the_server(server, head):
    with dial(server) as connection:
        connection.sendall(head)
        assert_well(server)

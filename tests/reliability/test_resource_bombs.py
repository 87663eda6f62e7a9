"""Requests that want too much of the server: it refuses them, uses bounded memory, and still answers other requests."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.credentials import basic
from tests.support.peak_memory import PeakMemory
from trailhouse.server.engine.sessions import MAX_SESSIONS
from trailhouse.server.process import stop

REFUSALS = frozenset({400, 408, 413, 414, 429, 500, 503})
QUERY_LIMITS = {"max_memory_usage": "100000000", "max_execution_time": "5"}
SUPERFLUOUS_SESSIONS = 500

# sends the requests; returns what went wrong, or an empty text
Send = Callable[[RunningServer, httpx.Client], str]


@dataclass(frozen=True)
class Bomb:
    """Requests that want too much, and by how much they may make the memory of the server grow."""

    name: str
    send: Send
    max_growth_bytes: int = 64 << 20


@pytest.mark.reliability(table="Security", row="resource bombs", ci=10, release=50)
def test_requests_that_want_too_much_are_refused_in_bounded_memory(row: Row, start_server):
    largest_growth = 0
    for index in range(row.asked):
        bomb = BOMBS[index % len(BOMBS)]
        # each bomb gets a new server: memory that an earlier bomb has freed would hide how much this one takes
        server = start_server()
        with server.client() as client:
            client.post("/", content="CREATE TABLE bombed (x String) ENGINE = Null")
            memory = PeakMemory(server.pid)
            memory.reset()
            problem = bomb.send(server, client)
        growth = memory.growth_bytes
        row.require(not problem, f"{bomb.name}: {problem}")
        row.require(growth < bomb.max_growth_bytes, f"{bomb.name}: memory grew by {growth >> 20} MiB")
        row.require(server.is_well(), f"{bomb.name}: the server is not well afterwards")
        largest_growth = max(largest_growth, growth)
        stop(server.directory)
        row.done_count += 1
    row.detail = f"memory grew by at most {largest_growth >> 20} MiB"


def expect_refusal(answer: httpx.Response) -> str:
    """Return a problem unless the answer is a refusal."""
    return "" if answer.status_code in REFUSALS else f"answered {answer.status_code}: {answer.text[:100]}"


def send_compressed_statement(server: RunningServer, client: httpx.Client) -> str:
    body = gzip.compress(b"SELECT '" + b"x" * (200 << 20), compresslevel=1)
    return expect_refusal(client.post("/", headers={"Content-Encoding": "gzip"}, content=body))


def send_compressed_row(server: RunningServer, client: httpx.Client) -> str:
    body = gzip.compress(b"x" * (400 << 20), compresslevel=1)
    options = {"query": "INSERT INTO bombed FORMAT TSV", **QUERY_LIMITS}
    return expect_refusal(client.post("/", headers={"Content-Encoding": "gzip"}, params=options, content=body))


def send_long_url(server: RunningServer, client: httpx.Client) -> str:
    first = b""
    with socket.create_connection(server.host_and_port, timeout=10) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /?query=" + b"x" * (8 << 20))
        first = connection.recv(100)
    return "" if not first or first.startswith((b"HTTP/1.1 414", b"HTTP/1.1 400")) else repr(first)


def open_many_sessions(server: RunningServer, client: httpx.Client) -> str:
    statuses = [
        client.post("/", params={"session_id": f"s{n}", "session_timeout": "600"}, content="SELECT 1").status_code
        for n in range(MAX_SESSIONS + SUPERFLUOUS_SESSIONS)
    ]
    expected = [200] * MAX_SESSIONS + [503] * SUPERFLUOUS_SESSIONS
    return "" if statuses == expected else f"answered {sorted(set(statuses))}, {statuses.count(200)} times 200"


def leave_requests_unfinished(server: RunningServer, client: httpx.Client) -> str:
    connections = [socket.create_connection(server.host_and_port, timeout=10) for _ in range(300)]
    for connection in connections:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nS")
    problem = "" if server.is_well() else "300 slow clients hold the server up"
    for connection in connections:
        connection.close()
    return problem


def leave_results_unread(server: RunningServer, client: httpx.Client) -> str:
    query = b"SELECT number, repeat('x', 100) FROM numbers(1000000000)"
    connections = [socket.create_connection(server.host_and_port, timeout=10) for _ in range(10)]
    for connection in connections:
        head = basic(*server.admin)["Authorization"].encode()
        connection.sendall(b"POST /?max_block_size=8192 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (head, len(query), query))  # fmt: skip
    time.sleep(1)  # enough for the engine to make a gigabyte
    problem = "" if server.is_well() else "10 unread results hold the server up"
    for connection in connections:
        connection.close()
    return problem


def send_query(text: str) -> Send:
    """Return a bomb that is one query, which must be refused."""
    return lambda server, client: expect_refusal(client.post("/", params=QUERY_LIMITS, content=text))


BOMBS = (
    Bomb("a statement of 200 MiB in 0.9", send_compressed_statement),
    Bomb("a row of 400 MiB in 1.7", send_compressed_row, 400 << 20),
    Bomb("a URL of 8 MiB", send_long_url),
    Bomb(f"{MAX_SESSIONS + SUPERFLUOUS_SESSIONS} sessions", open_many_sessions, 250 << 20),
    Bomb("300 clients that do not finish", leave_requests_unfinished),
    Bomb("10 results that nobody reads", leave_results_unread, 200 << 20),
    Bomb("an array of everything", send_query("SELECT groupArray(number) FROM numbers(1000000000)"), 200 << 20),
    Bomb("a string of 4 GiB", send_query("SELECT length(repeat('x', 4294967296))"), 200 << 20),
    Bomb(
        "a cross join",
        send_query("SELECT uniqExact(a.number * 7 + b.number) FROM numbers(100000) AS a, numbers(100000) AS b"),
        200 << 20,
    ),
    Bomb("nested brackets", send_query("SELECT " + "(" * 100000 + "1" + ")" * 100000)),
)

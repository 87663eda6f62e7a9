"""What an attacker would send: SQL, bytes, credentials, bombs."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.reliability.bench import Bench, OwnServer
from tests.reliability.check import Outcome
from tests.support.credentials import basic, invalid_queries, wrong_ways
from tests.support.forbidden_sql import CANARY, PARAMETERS, disguise, generate_statements
from tests.support.http_requests import FuzzReport, seed_requests, send_mutated
from tests.support.peak_memory import PeakMemory
from trailhouse.server.engine.sessions import MAX_SESSIONS
from trailhouse.server.process import stop

MAX_ANSWER_SECONDS = 5.0
_REFUSALS = frozenset({400, 408, 413, 414, 429, 500, 503})
_BOUNDS = {"max_memory_usage": "100000000", "max_execution_time": "5"}


def send_forbidden_sql(bench: Bench, count: int) -> Outcome:
    """None of the statements may succeed, read the canary or write a file."""
    outcome = Outcome()
    folder = bench.folder("untrusted")
    with bench.server.client() as client:
        client.post("/", content="CREATE OR REPLACE TABLE untrusted (x String) ENGINE = MergeTree ORDER BY x")
        client.post("/", content="INSERT INTO untrusted VALUES ('one')")
        plain, generator = generate_statements(folder), random.Random(bench.seed)
        disguised = [disguise(plain[number % len(plain)], generator) for number in range(count - len(plain))]
        for statement in [*plain, *disguised]:
            answer = client.post("/", params=PARAMETERS, content=statement.encode())
            outcome.require(answer.status_code != 200 and CANARY not in answer.text, f"succeeded: {statement}")
            outcome.done_count += 1
        left = client.post("/", content="SELECT count(), any(x) FROM untrusted").text
        outcome.require(left == "1\tone\n", f"the table holds {left!r}")
        client.post("/", content="DROP TABLE untrusted")
    outcome.require(os.listdir(folder) == ["canary.txt"], f"files were made: {os.listdir(folder)}")
    outcome.detail = f"{outcome.done_count} statements of {count} asked"
    return outcome


def fuzz(bench: Bench, count: int) -> Outcome:
    """Mutated requests; the server stays up, quick, and its keep-alive connections in step."""
    outcome = Outcome()
    server = bench.server
    seeds = seed_requests(*server.admin)
    pid = server.pid

    def send(worker: int) -> FuzzReport:
        generator = random.Random(f"{bench.seed}-{worker}")
        return send_mutated(server.host_and_port, seeds, generator, count // 8)

    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(send, range(8)))
    slowest = max(report.slowest_seconds for report in reports)
    in_step_count = sum(report.in_step_count for report in reports)
    for problem in itertools.chain.from_iterable(report.problems for report in reports):
        outcome.require(False, problem)
    outcome.require(in_step_count > count // 5, f"only {in_step_count} connections went on after a mutated request")
    outcome.require(slowest < MAX_ANSWER_SECONDS, f"an answer took {slowest:.1f} s")
    outcome.require(server.pid == pid and server.is_well(), "the server is not well")
    with server.client() as client:
        for number in range(50):
            client.post("/", content="INSERT INTO nowhere FORMAT CSV\n1,2,3\n")
            answer = client.post("/", content=f"SELECT {number}").text
            outcome.require(answer == f"{number}\n", f"out of step: {answer[:80]!r} instead of {number}")
    outcome.done_count = count // 8 * 8
    outcome.detail = f"slowest answer {slowest:.2f} s, {in_step_count} connections stayed in step"
    return outcome


def try_credentials(bench: Bench, count: int) -> Outcome:
    """Wrong, mixed and absent credentials, foreign Host and Origin headers: nobody gets in."""
    outcome = Outcome()
    server = bench.server
    user, password = server.admin
    good = basic(user, password)
    ways = [*wrong_ways(password, server.reader_password), ({}, {})]
    hosts = ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::2]:80", "")
    ways += [(good | {"Host": host}, {}) for host in hosts]
    ways += [(good | {"Origin": origin}, {}) for origin in ("https://evil.example", "null", "http://localhost:1")]
    ways += [(good | {"Sec-Fetch-Site": site}, {}) for site in ("cross-site", "same-site")]
    for headers, params in ways:
        answer = httpx.post(server.endpoint.url, headers=headers, params=params, content="SELECT 1", timeout=30)
        is_refused = answer.status_code in (401, 403) and password not in answer.text
        outcome.require(is_refused, f"{answer.status_code} for {sorted(headers)} {sorted(params)}")
        outcome.done_count += 1
    for query in invalid_queries(password):
        answer = httpx.post(f"{server.endpoint.url}/?{query}", content="SELECT 1", timeout=30)
        outcome.require(answer.status_code in (401, 403), f"{answer.status_code} for {query[:20]}")
        outcome.done_count += 1
    log = (server.directory / "server.log").read_text()
    commands = "".join(read_command_lines())
    outcome.require(password not in log + commands, "a password is in the log or among the processes")
    outcome.detail = f"{outcome.done_count} ways, {count} asked"
    return outcome


def read_command_lines() -> list[str]:
    """What `ps` would show of every process."""
    lines = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", errors="replace") as file:
                lines.append(file.read())
    return lines


def throw_bombs(bench: Bench, count: int) -> Outcome:
    """Requests that want too much: refused, with bounded memory, while /ping answers within a second."""
    outcome = Outcome()
    peaks = []
    for index in range(count):
        bomb = _BOMBS[index % len(_BOMBS)]
        # a server for each: memory that another bomb left free would hide what this one takes
        server = bench.new_server("bombed")
        with server.client() as client:
            client.post("/", content="CREATE TABLE bombed (x String) ENGINE = Null")
            memory = PeakMemory(server.pid)
            memory.reset()
            problem = bomb.throw(server, client)
        outcome.require(not problem, f"{bomb.name}: {problem}")
        growth = memory.growth_bytes
        outcome.require(growth < bomb.max_growth_bytes, f"{bomb.name}: memory grew by {growth >> 20} MiB")
        outcome.require(server.is_well(), f"{bomb.name}: the server is not well afterwards")
        peaks.append(growth)
        stop(server.directory)
        outcome.done_count += 1
    outcome.detail = f"memory grew by at most {max(peaks) >> 20} MiB"
    return outcome


def _refused(answer: httpx.Response) -> str:
    return "" if answer.status_code in _REFUSALS else f"answered {answer.status_code}: {answer.text[:100]}"


def _compressed_statement(server: OwnServer, client: httpx.Client) -> str:
    body = gzip.compress(b"SELECT '" + b"x" * (200 << 20), compresslevel=1)
    return _refused(client.post("/", headers={"Content-Encoding": "gzip"}, content=body))


def _compressed_rows(server: OwnServer, client: httpx.Client) -> str:
    body = gzip.compress(b"x" * (400 << 20), compresslevel=1)
    options = {"query": "INSERT INTO bombed FORMAT TSV", **_BOUNDS}
    return _refused(client.post("/", headers={"Content-Encoding": "gzip"}, params=options, content=body))


def _long_url(server: OwnServer, client: httpx.Client) -> str:
    first = b""
    with socket.create_connection(server.host_and_port, timeout=10) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /?query=" + b"x" * (8 << 20))
        first = connection.recv(100)
    return "" if not first or first.startswith((b"HTTP/1.1 414", b"HTTP/1.1 400")) else repr(first)


def _many_sessions(server: OwnServer, client: httpx.Client) -> str:
    statuses = [
        client.post("/", params={"session_id": f"s{n}", "session_timeout": "600"}, content="SELECT 1").status_code
        for n in range(MAX_SESSIONS + 500)
    ]
    expected = [200] * MAX_SESSIONS + [503] * 500
    return "" if statuses == expected else f"answered {sorted(set(statuses))}, {statuses.count(200)} times 200"


def _slow_clients(server: OwnServer, client: httpx.Client) -> str:
    connections = [socket.create_connection(server.host_and_port, timeout=10) for _ in range(300)]
    for connection in connections:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nS")
    problem = "" if server.is_well() else "300 slow clients hold the server up"
    for connection in connections:
        connection.close()
    return problem


def _unread_results(server: OwnServer, client: httpx.Client) -> str:
    query = b"SELECT number, repeat('x', 100) FROM numbers(1000000000)"
    connections = [socket.create_connection(server.host_and_port, timeout=10) for _ in range(10)]
    for connection in connections:
        head = basic(*server.admin)["Authorization"].encode()
        connection.sendall(b"POST /?max_block_size=8192 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (head, len(query), query))  # fmt: skip
    time.sleep(1)  # in which the engine would make a gigabyte
    problem = "" if server.is_well() else "10 unread results hold the server up"
    for connection in connections:
        connection.close()
    return problem


def _query(text: str) -> Callable[[OwnServer, httpx.Client], str]:
    def throw(server: OwnServer, client: httpx.Client) -> str:
        return _refused(client.post("/", params=_BOUNDS, content=text))

    return throw


@dataclass(frozen=True)
class Bomb:
    """A request that wants too much, and by how much the server's memory may grow meanwhile."""

    name: str
    throw: Callable[[OwnServer, httpx.Client], str]
    max_growth_bytes: int = 64 << 20


_BOMBS = [
    Bomb("a statement of 200 MiB in 0.9", _compressed_statement),
    Bomb("a row of 400 MiB in 1.7", _compressed_rows, 400 << 20),
    Bomb("a URL of 8 MiB", _long_url),
    Bomb(f"{MAX_SESSIONS + 500} sessions", _many_sessions, 250 << 20),
    Bomb("300 clients that do not finish", _slow_clients),
    Bomb("10 results that nobody reads", _unread_results, 200 << 20),
    Bomb("a group of everything", _query("SELECT groupArray(number) FROM numbers(1000000000)"), 200 << 20),
    Bomb("a string of 4 GiB", _query("SELECT length(repeat('x', 4294967296))"), 200 << 20),
    Bomb(
        "a cross join",
        _query("SELECT uniqExact(a.number * 7 + b.number) FROM numbers(100000) AS a, numbers(100000) AS b"),
        200 << 20,
    ),
    Bomb("brackets in brackets", _query("SELECT " + "(" * 100000 + "1" + ")" * 100000)),
]

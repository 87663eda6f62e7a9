"""Requests that the application answers without the engine."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from base64 import b64encode
from types import SimpleNamespace

import pytest

from trailhouse.server.access.credentials import Credentials
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.http import app
from trailhouse.server.http.app import MAX_URL_BYTES, Application
from trailhouse.server.http.request_body import ClientGoneError


@pytest.fixture
def application() -> Application:
    engine = SimpleNamespace(timezone="UTC", version="26.9")
    return Application(engine, Credentials("secret", "public", "charting"), allowed_hosts=None)


async def send_request(
    application: Application, method: str, path: str = "/", query_string: bytes = b"query=SELECT", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of the answer to a request without a body."""
    messages = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict) -> None:
        messages.append(message)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "query_string": query_string, "headers": pairs}
    await application(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return messages[0]["status"], answered, b"".join(message["body"] for message in messages[1:])


def ask(application: Application, *arguments: object, **headers: str) -> tuple[int, str | None]:
    """Return the status of an answer, and ClickHouse's code of its error."""
    status, answered, _ = asyncio.run(send_request(application, *arguments, **headers))
    return status, answered.get("x-clickhouse-exception-code")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("HEAD", "/"), ("GET", "/ping"), ("POST", "/ping"), ("GET", "/replicas_status")]
)
def test_a_ping_is_answered_without_a_password(application, method, path):
    status, _, body = asyncio.run(send_request(application, method, path, b""))
    assert (status, body) == (200, b"Ok.\n")


@pytest.mark.parametrize(
    ("method", "headers", "is_accepted"),
    [
        ("POST", {}, False),
        ("POST", {"content_length": "0"}, True),
        ("POST", {"transfer_encoding": "chunked"}, True),
        ("GET", {}, True),
        ("HEAD", {}, True),
    ],
)
def test_only_a_post_must_state_its_length_or_be_chunked(application, method, headers, is_accepted):
    # Without a password, the next check refuses the request
    expected = (401, "194") if is_accepted else (411, "381")
    assert ask(application, method, **headers) == expected


def test_an_unknown_path_and_a_long_url_are_refused(application):
    assert ask(application, "GET", "/play") == (404, "404")
    assert ask(application, "GET", "/", b"q" * (MAX_URL_BYTES + 1)) == (414, "161")
    assert ask(application, "GET", "/", b"q" * MAX_URL_BYTES) != (414, "161")


def test_the_idle_time_begins_at_the_end_of_a_request_and_not_of_a_ping(application, monkeypatch):
    now = [application._last_used_at + 100.0]
    monkeypatch.setattr(app.time, "monotonic", lambda: now[0])
    asyncio.run(send_request(application, "GET", "/ping"))
    assert application.idle_seconds == 100
    ask(application, "GET")
    now[0] += 7
    assert application.idle_seconds == 7


PASSWORD = {"authorization": f"Basic {b64encode(b'admin:secret').decode()}"}


@pytest.fixture
def run_query(monkeypatch) -> SimpleNamespace:
    """A stand-in for what runs a query. A test sets the coroutine function ``run``, which gets the runner's parts."""
    stand_in = SimpleNamespace(run=None, started=0)

    class Runner:
        def __init__(self, engine, executor, sessions, request, role, body, responder, **options) -> None:
            self.body, self.responder, self.request, self.role = body, responder, request, role

        async def run(self) -> None:
            stand_in.started += 1
            await stand_in.run(self)

    monkeypatch.setattr(app, "QueryRunner", Runner)
    return stand_in


async def ask_in_time(application: Application, query_id: str) -> tuple[int, str | None]:
    url = f"query_id={query_id}".encode()
    status, answered, _ = await send_request(application, "GET", "/", url, **PASSWORD)
    return status, answered.get("x-clickhouse-exception-code")


@pytest.mark.parametrize(
    ("limit", "second_id", "expected"),
    [(9, "a", (500, "216")), (9, "b", (200, None)), (1, "b", (503, "202")), (2, "b", (200, None))],
)
def test_one_query_of_an_id_runs_at_a_time_and_a_limited_number_of_all(
    application, run_query, monkeypatch, limit, second_id, expected
):
    monkeypatch.setattr(app, "_MAX_REQUESTS", limit)

    async def run() -> None:
        may_end = asyncio.Event()

        async def answer(runner) -> None:
            if run_query.started == 1:
                await may_end.wait()
            await runner.responder.begin(None, Statistics(), length=0)
            await runner.responder.finish()

        run_query.run = answer
        first = asyncio.create_task(ask_in_time(application, "a"))
        await asyncio.sleep(0.01)
        assert application.idle_seconds == 0.0
        assert await ask_in_time(application, second_id) == expected
        may_end.set()
        assert await first == (200, None)
        assert await ask_in_time(application, "a") == (200, None)

    asyncio.run(run())
    assert application._query_ids == set()
    assert application._active_count == 0


def test_the_limits_on_running_statements_and_requests_are_those_of_a_small_server(application):
    assert application._executor._max_workers == 128
    assert app._MAX_REQUESTS == 512
    assert MAX_URL_BYTES == 1024**2


async def send_with_body(application: Application, bodies: list[dict]) -> list[dict]:
    """Send a POST whose body arrives in several messages; return the messages of the answer."""
    messages: list[dict] = []

    async def receive() -> dict:
        return bodies.pop(0)

    async def send(message: dict) -> None:
        messages.append(message)

    headers = [(name.encode(), value.encode()) for name, value in {**PASSWORD, "content-length": "2"}.items()]
    scope = {"type": "http", "path": "/", "method": "POST", "query_string": b"query=x", "headers": headers}
    await application(scope, receive, send)
    return messages


def test_before_an_error_is_answered_the_rest_of_the_body_is_read(application, run_query):
    async def fail(runner) -> None:
        raise ServerError(62, "SYNTAX_ERROR", "wrong")

    run_query.run = fail
    bodies = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}]
    messages = asyncio.run(send_with_body(application, bodies))
    assert bodies == []
    assert messages[0]["status"] == 400


def test_a_late_error_does_not_wait_for_the_body(application, run_query):
    async def fail_late(runner) -> None:
        await runner.responder.begin("CSV", Statistics(), length=None)
        raise ServerError(395, "NAME", "late")

    run_query.run = fail_late
    bodies = [{"type": "http.request", "body": b"a"}]
    messages = asyncio.run(send_with_body(application, bodies))
    assert len(bodies) == 1
    assert messages[0]["status"] == 200
    assert b"late" in b"".join(message["body"] for message in messages[1:])


def test_a_client_that_left_gets_no_answer(application, run_query):
    async def leave(runner) -> None:
        raise ClientGoneError

    run_query.run = leave
    assert asyncio.run(send_with_body(application, [])) == []


def test_a_failure_of_the_server_itself_is_logged_and_not_shown(application, run_query, caplog):
    async def fail(runner) -> None:
        raise KeyError("a detail")

    run_query.run = fail
    with caplog.at_level(logging.ERROR):
        messages = asyncio.run(send_with_body(application, [{"type": "http.request", "body": b""}]))
    assert messages[0]["status"] == 500
    body = b"".join(message["body"] for message in messages[1:])
    assert b"Code: 1001." in body
    assert b"a detail" not in body
    assert "a detail" in caplog.text


@pytest.mark.parametrize(("option", "sends_progress"), [(b"", False), (b"&send_progress_in_http_headers=1", True)])
def test_a_progress_header_is_sent_if_it_is_asked_for(application, run_query, option, sends_progress):
    async def answer(runner) -> None:
        await runner.responder.begin(None, Statistics(), length=0)
        await runner.responder.finish()

    run_query.run = answer
    _, answered, _ = asyncio.run(send_request(application, "GET", "/", b"query_id=i" + option, **PASSWORD))
    assert ("x-clickhouse-progress" in answered) is sends_progress
    assert answered["x-clickhouse-query-id"] == "i"


def test_expired_sessions_are_closed_again_and_again_until_the_server_stops(application, monkeypatch):
    monkeypatch.setattr(app, "_SESSION_CHECK_SECONDS", 0.01)
    closed, sent = [], []
    monkeypatch.setattr(application.sessions, "close_expired", lambda: closed.append(1))

    async def run() -> int:
        messages = asyncio.Queue()

        async def send(message: dict) -> None:
            sent.append(message["type"])

        await messages.put({"type": "lifespan.startup"})
        serving = asyncio.create_task(application({"type": "lifespan"}, messages.get, send))
        await asyncio.sleep(0.1)
        await messages.put({"type": "lifespan.shutdown"})
        await serving
        count = len(closed)
        await asyncio.sleep(0.05)
        return count

    count = asyncio.run(run())
    assert count >= 2
    assert len(closed) == count
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.skipif(
    sys.platform != "linux" or (os.getpriority(os.PRIO_PROCESS, 0) > 5 and os.geteuid() != 0),
    reason="this process may not set the priority of its threads",
)
def test_statements_run_in_threads_of_a_lower_priority(application):
    find = application._executor.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert find.result() == 5

"""Requests that the application answers without the engine."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from trailhouse.server.access.credentials import Credentials
from trailhouse.server.http import app
from trailhouse.server.http.app import MAX_URL_BYTES, Application


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

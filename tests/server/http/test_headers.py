"""Headers of requests (Content-Length, Expect) and of responses."""

from __future__ import annotations

import re
import socket
import uuid

import httpx
import pytest

from tests.support.credentials import basic


def exchange(server, head: bytes) -> socket.socket:
    """Return a connection on which a request's head was sent, with the admin's credentials."""
    address = httpx.URL(server.url)
    connection = socket.create_connection((address.host, address.port), timeout=5)
    who = basic(*server.admin)["Authorization"].encode()
    connection.sendall(head + b"Host: localhost\r\nAuthorization: " + who + b"\r\n\r\n")
    return connection


def test_a_post_without_a_length_is_refused(server):
    with exchange(server, b"POST /?query=SELECT%201 HTTP/1.1\r\n") as connection:
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"x-clickhouse-exception-code: 381\r\n" in answer.lower()
    with exchange(server, b"POST /?query=SELECT%201 HTTP/1.1\r\nContent-Length: 0\r\n") as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_expects_100_continue_is_told_before_it_sends_the_body(server):
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 12\r\n"
    with exchange(server, head) as connection:
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"SELECT 6 * 7")
        answer = b""
        while not answer.endswith(b"\r\n\r\n42\n") and (piece := connection.recv(65536)):
            answer += piece  # head and body may arrive separately
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n42\n")


@pytest.mark.parametrize("query", ["SELECT 1 FORMAT JSON", "SELECT throwIf(1)", "SELEC"])
def test_every_response_says_which_query_when_and_where(http, query):
    answers = [http.post("/", params={"query_id": f"headers-{n}"}, content=query) for n in range(2)]
    timezone = http.post("/", content="SELECT timezone()").text.strip()
    for number, answer in enumerate(answers):
        assert answer.headers["X-ClickHouse-Query-Id"] == f"headers-{number}"
        assert answer.headers["X-ClickHouse-Timezone"] == timezone
        assert answer.headers["X-ClickHouse-Server-Display-Name"] == socket.gethostname()
        assert re.fullmatch(r"timeout=[1-9]\d*(, max=\d+)?", answer.headers["Keep-Alive"])
        assert re.fullmatch(r"[a-z0-9]{16}", answer.headers["X-ClickHouse-Exception-Tag"])
    assert len({answer.headers["X-ClickHouse-Exception-Tag"] for answer in answers}) == 2
    formats = {answer.headers.get("X-ClickHouse-Format") for answer in answers}
    assert formats == ({"JSON"} if "JSON" in query else {None})
    assert all("X-ClickHouse-Exception-Code" in answer.headers for answer in answers) == ("JSON" not in query)
    assert uuid.UUID(http.post("/", content=query).headers["X-ClickHouse-Query-Id"]).version == 4

"""Reading a request's body from the ASGI server."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http import request_body
from trailhouse.server.http.request import parse_request
from trailhouse.server.http.request_body import ClientGoneError, RequestBody, choose_decompressor


class Connection:
    """A stand-in for the ASGI server, which delivers the given messages."""

    def __init__(self, *messages: dict) -> None:
        self.left = list(messages)

    async def receive(self) -> dict:
        return self.left.pop(0)


def piece(body: bytes, *, more: bool) -> dict:
    return {"type": "http.request", "body": body, "more_body": more}


async def collect(body: RequestBody) -> list[bytes]:
    return [data async for data in body.stream()]


def test_the_pieces_are_read_to_the_last_one_and_not_further():
    connection = Connection(piece(b"a", more=True), piece(b"", more=True), piece(b"b", more=False), {"type": "next"})
    body = RequestBody(connection.receive)
    assert not body.is_complete
    assert asyncio.run(collect(body)) == [b"a", b"b"]
    assert body.is_complete
    assert asyncio.run(collect(body)) == []
    assert connection.left == [{"type": "next"}]
    only = Connection({"type": "http.request", "body": b"x"})  # more_body may be missing
    assert asyncio.run(collect(RequestBody(only.receive))) == [b"x"]


def test_a_client_that_leaves_is_told_from_one_that_has_ended():
    for messages in ([{"type": "http.disconnect"}], [piece(b"a", more=True), {"type": "http.disconnect"}]):
        with pytest.raises(ClientGoneError):
            asyncio.run(collect(RequestBody(Connection(*messages).receive)))


def test_the_rest_is_read_and_forgotten_whatever_comes():
    connection = Connection(piece(b"a", more=True), piece(b"b", more=False), {"type": "next"})
    body = RequestBody(connection.receive)
    asyncio.run(body.drain())
    assert body.is_complete
    assert connection.left == [{"type": "next"}]
    asyncio.run(RequestBody(Connection({"type": "http.disconnect"}).receive).drain())


def test_waiting_for_the_client_to_leave_ends_when_it_does():
    connection = Connection({"type": "other"}, {"type": "http.disconnect"}, {"type": "next"})
    asyncio.run(RequestBody(connection.receive).wait_for_disconnect())
    assert connection.left == [{"type": "next"}]


def test_a_decoded_body_has_to_end_where_its_encoding_does():
    request = parse_request("POST", b"", {"content-encoding": " GZip "})
    encoded = gzip.compress(b"rows")
    whole = Connection(piece(encoded[:5], more=True), piece(encoded[5:], more=False))
    assert b"".join(asyncio.run(collect(RequestBody(whole.receive, choose_decompressor(request))))) == b"rows"
    cut = Connection(piece(encoded[:-1], more=False))
    with pytest.raises(ServerError, match="ended too early"):
        asyncio.run(collect(RequestBody(cut.receive, choose_decompressor(request))))


@pytest.mark.parametrize(
    ("url", "encoding", "code"),
    [
        (b"", "", None), (b"", "identity", None), (b"compress=0&decompress=0", "", None),
        (b"compress=1", "", 48), (b"decompress=1", "", 48), (b"", "xz", 48), (b"", "gzip, gzip", 48),
    ],
)  # fmt: skip
def test_plain_bodies_need_no_decompressor_and_unknown_encodings_are_refused(url, encoding, code):
    request = parse_request("POST", url, {"content-encoding": encoding})
    if code is None:
        assert choose_decompressor(request) is None
        assert choose_decompressor(parse_request("POST", url, {})) is None
    else:
        with pytest.raises(ServerError) as caught:
            choose_decompressor(request)
        assert caught.value.code == code


async def never_send() -> dict:
    await asyncio.Event().wait()
    return {}


def test_a_client_that_sends_nothing_counts_as_gone(monkeypatch):
    assert request_body._RECEIVE_SECONDS == 120
    monkeypatch.setattr(request_body, "_RECEIVE_SECONDS", 0.01)
    with pytest.raises(ClientGoneError):
        asyncio.run(asyncio.wait_for(collect(RequestBody(never_send)), 10))


def test_the_rest_of_a_body_is_waited_for_a_limited_time(monkeypatch):
    assert request_body._DRAIN_SECONDS == 30
    monkeypatch.setattr(request_body, "_DRAIN_SECONDS", 0.01)
    body = RequestBody(never_send)
    asyncio.run(asyncio.wait_for(body.drain(), 10))
    assert not body.is_complete

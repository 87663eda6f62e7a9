"""A request's head is limited in time and in length, on a new connection and on one that has served a request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from uvicorn.server import ServerState

from trailhouse.server.http import parser_limits
from trailhouse.server.http.parser_limits import BoundedProtocol

HEAD_SECONDS = 0.2
MAX_HEAD_BYTES = 1000
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch):
    monkeypatch.setattr(parser_limits, "_HEAD_SECONDS", HEAD_SECONDS)
    monkeypatch.setattr(parser_limits, "_MAX_HEAD_BYTES", MAX_HEAD_BYTES)


async def answer_slowly(scope, receive, send) -> None:
    """An application whose answer takes longer than a head may take, and which answers with the query string."""
    if scope["query_string"] == b"slow":
        await asyncio.sleep(2 * HEAD_SECONDS)
    body = scope["query_string"] or b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of uvicorn with the limits."""
    config = uvicorn.Config(answer_slowly, lifespan="off", log_config=None, access_log=False)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, ServerState(), {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer; return its status and body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    (length,) = [int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length")]
    return int(head.split()[1]), await reader.readexactly(length)


async def measure_end(reader: asyncio.StreamReader) -> float:
    """Return after how many seconds the server ends the connection without an answer."""
    started_at = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 20 * HEAD_SECONDS) == b""
    return time.monotonic() - started_at


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("head", [b"\r\n", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_does_not_end_is_cut_off(served, head):
    async def run() -> float:
        async with connect() as (reader, writer):
            if served:
                writer.write(REQUEST)
                assert await read_answer(reader) == (200, b"ok")
                await asyncio.sleep(HEAD_SECONDS)  # between two requests, the time for a head does not run
            writer.write(head)
            return await measure_end(reader)

    assert 0.5 * HEAD_SECONDS < asyncio.run(run()) < 10 * HEAD_SECONDS


def test_a_connection_on_which_nothing_arrives_is_cut_off():
    async def run() -> float:
        async with connect() as (reader, _):
            return await measure_end(reader)

    assert 0.5 * HEAD_SECONDS < asyncio.run(run()) < 10 * HEAD_SECONDS


@pytest.mark.parametrize("served", [False, True])
def test_a_head_that_arrives_byte_by_byte_gets_no_more_time(served):
    async def send_slowly(writer: asyncio.StreamWriter) -> None:
        for byte in b"GET / HTTP/1.1\r\nHost: " + b"a" * 1000:
            writer.write(bytes([byte]))
            await asyncio.sleep(HEAD_SECONDS / 10)

    async def run() -> float:
        async with connect() as (reader, writer):
            if served:
                writer.write(REQUEST)
                assert await read_answer(reader) == (200, b"ok")
            sending = asyncio.create_task(send_slowly(writer))
            duration = await measure_end(reader)
            sending.cancel()
            return duration

    assert asyncio.run(run()) < 10 * HEAD_SECONDS


def test_an_answer_may_take_longer_than_a_head():
    async def run() -> None:
        async with connect() as (reader, writer):
            for _ in range(2):
                writer.write(REQUEST.replace(b"/ ", b"/?slow#fragment ", 1))
                assert await read_answer(reader) == (200, b"slow")

    asyncio.run(run())


@pytest.mark.parametrize("data", [b"\r\n", b"GET / HTTP/1.1\r\n"])
def test_data_that_arrives_during_an_answer_does_not_cut_it_off(data):
    async def run() -> None:
        async with connect() as (reader, writer):
            writer.write(REQUEST.replace(b"/ ", b"/?slow ", 1))
            await asyncio.sleep(HEAD_SECONDS / 4)
            writer.write(data)
            assert await read_answer(reader) == (200, b"slow")

    asyncio.run(run())


@pytest.fixture
def _much_time(monkeypatch):
    monkeypatch.setattr(parser_limits, "_HEAD_SECONDS", 60.0)


def pad_request(head_bytes: int, *, in_url: bool) -> bytes:
    """A request whose URL, and whose header's name and value, have so many bytes together."""
    url, value = b"/", b"b"
    padding = b"x" * (head_bytes - len(url) - len(b"a") - len(value))
    return b"GET %s HTTP/1.1\r\na: %s\r\n\r\n" % ((url + padding, value) if in_url else (url, value + padding))


@pytest.mark.usefixtures("_much_time")
@pytest.mark.parametrize("in_url", [True, False])
def test_a_head_has_a_limited_length_on_every_request_of_a_connection(in_url):
    async def run() -> None:
        async with connect() as (reader, writer):
            for _ in range(3):
                writer.write(pad_request(MAX_HEAD_BYTES, in_url=in_url))
                assert await read_answer(reader) == (200, b"ok")
            writer.write(pad_request(MAX_HEAD_BYTES + 1, in_url=in_url))
            assert (await read_answer(reader))[0] == 400
            assert await reader.read() == b""

    asyncio.run(run())


@pytest.mark.usefixtures("_much_time")
@pytest.mark.parametrize("served", [False, True])
def test_a_header_without_end_is_refused(served):
    async def run() -> None:
        async with connect() as (reader, writer):
            if served:
                writer.write(REQUEST)
                assert await read_answer(reader) == (200, b"ok")
            writer.write(b"GET / HTTP/1.1\r\na: ")
            await asyncio.sleep(HEAD_SECONDS / 4)  # the server reads the beginning alone
            writer.write(b"x" * (MAX_HEAD_BYTES + 65536))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), HEAD_SECONDS / 4)
            writer.write(b"x")
            status, body = await read_answer(reader)
            assert (status, body) == (414, b"The request's URL and headers are longer than 1 MiB\n")

    asyncio.run(run())

"""The status, headers and body that a responder sends."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import zlib

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.http import response
from trailhouse.server.http.request_body import ClientGoneError
from trailhouse.server.http.response import Responder, content_type, format_summary
from trailhouse.server.http.response_compression import make_compressor

_ERROR = ServerError(395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", "é")


class Client:
    """Collects what a responder sends."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.responder = Responder(self.send, query_id="", timezone="UTC", version="26.9")

    async def send(self, message: dict) -> None:
        self.messages.append(message)

    @property
    def headers(self) -> dict[str, str]:
        pairs = [(name.decode(), value.decode()) for name, value in self.messages[0]["headers"]]
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def has_ended(self) -> bool:
        return [message["more_body"] for message in self.messages[1:]][-1:] == [False]


async def answer(
    client: Client, pieces: list[bytes], output_format: str | None = "CSV", length: int | None = None
) -> None:
    await client.responder.begin(output_format, Statistics(read_rows=3), length=length)
    for piece in pieces[:-1]:
        await client.responder.write(piece)
    await client.responder.finish(*pieces[-1:])


def test_a_success_names_its_format_and_length():
    client = Client()
    client.responder.describe_request("my id\n", sends_progress=False)
    asyncio.run(answer(client, [b"a", b"", b"b"], length=2))
    assert client.messages[0]["status"] == 200
    assert client.headers["x-clickhouse-query-id"] == "my id"
    assert client.headers["x-clickhouse-timezone"] == "UTC"
    assert client.headers["x-clickhouse-server-display-name"] == socket.gethostname()
    assert (client.headers["x-clickhouse-format"], client.headers["content-length"]) == ("CSV", "2")
    assert client.headers["content-type"] == "text/csv; charset=UTF-8; header=absent"
    assert json.loads(client.headers["x-clickhouse-summary"])["read_rows"] == "3"
    assert "x-clickhouse-progress" not in client.headers
    assert "content-encoding" not in client.headers
    assert "x-clickhouse-exception-code" not in client.headers
    assert (client.body, client.has_ended, client.responder.has_finished) == (b"ab", True, True)


def test_an_answer_without_rows_names_no_format_and_one_of_unknown_length_no_length():
    client = Client()
    client.responder.describe_request("i", sends_progress=True)
    asyncio.run(answer(client, [], output_format=None))
    assert "x-clickhouse-format" not in client.headers
    assert "content-length" not in client.headers
    assert client.headers["content-type"] == "text/plain; charset=UTF-8"
    assert client.headers["x-clickhouse-progress"] == client.headers["x-clickhouse-summary"]


def test_a_compressed_body_has_no_length_and_is_whole():
    client = Client()
    client.responder.use_compressor(make_compressor("gzip"), "gzip")
    asyncio.run(answer(client, [b"a" * 100000, b"b", b"c"], length=100002))
    assert client.headers["content-encoding"] == "gzip"
    assert "content-length" not in client.headers
    assert "x-clickhouse-progress" not in client.headers  # the request was not described
    assert gzip.decompress(client.body) == b"a" * 100000 + b"bc"


def test_an_early_error_is_the_whole_response_and_plain():
    client = Client()
    client.responder.use_compressor(make_compressor("gzip"), "gzip")
    asyncio.run(client.responder.fail(_ERROR))
    assert client.messages[0]["status"] == 500
    assert client.headers["x-clickhouse-exception-code"] == "395"
    assert client.headers["content-length"] == str(len(client.body))
    assert "content-encoding" not in client.headers
    assert "www-authenticate" not in client.headers
    assert client.body.decode() == _ERROR.format_body("26.9")
    assert client.has_ended
    assert client.responder.has_started


def test_a_missing_password_is_asked_for():
    client = Client()
    asyncio.run(client.responder.fail(ServerError(194, "REQUIRED_PASSWORD", "x")))
    assert (client.messages[0]["status"], client.headers["www-authenticate"][:5]) == (401, "Basic")


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_late_error_is_a_tagged_block_and_the_body_has_no_end(is_compressed):
    async def fail(client: Client) -> None:
        await client.responder.begin("CSV", Statistics(), length=None)
        await client.responder.write(b"1\n")
        await client.responder.fail(_ERROR)

    client = Client()
    if is_compressed:
        client.responder.use_compressor(make_compressor("deflate"), "deflate")
    asyncio.run(fail(client))
    tag = client.headers["x-clickhouse-exception-tag"]
    assert re.fullmatch("[0-9a-f]{16}", tag)
    message = _ERROR.format_body("26.9")
    expected = f"1\n\r\n__exception__\r\n{tag}\r\n{message}{len(message.encode())} {tag}\r\n__exception__\r\n"
    assert (zlib.decompress(client.body) if is_compressed else client.body).decode() == expected
    assert not client.has_ended
    assert client.responder.has_started
    assert not client.responder.has_finished


@pytest.mark.parametrize(
    ("output_format", "expected"),
    [
        (None, "text/plain"), ("TSVWithNames", "text/tab-separated-values"), ("JSONEachRow", "application/x-ndjson"),
        ("Native", "application/octet-stream"), ("Pretty", "text/plain"), ("CSVWithNames", "text/csv"),
    ],
)  # fmt: skip
def test_media_types(output_format, expected):
    assert content_type(output_format).partition(";")[0] == expected


def test_the_summary_counts_written_rows_as_the_result_of_an_insert():
    read = json.loads(format_summary(Statistics(1, 2, 0, 0, 5, 6, 7)))
    written = json.loads(format_summary(Statistics(1, 2, 3, 4, 0, 0, 7)))
    assert read == {
        "read_rows": "1", "read_bytes": "2", "written_rows": "0", "written_bytes": "0", "total_rows_to_read": "0",
        "result_rows": "5", "result_bytes": "6", "elapsed_ns": "7", "memory_usage": "0",
    }  # fmt: skip
    assert (written["written_rows"], written["result_rows"], written["result_bytes"]) == ("3", "3", "4")


def test_the_last_piece_is_sent_with_the_end_of_the_response():
    async def answer_slowly(client: Client) -> list[int]:
        counts = []
        await client.responder.begin("CSV", Statistics(), length=None)
        for piece in (b"a", b"b", b"c"):
            await client.responder.write(piece)
            counts.append(len(client.messages) - 1)
        await client.responder.finish()
        return counts

    client = Client()
    assert asyncio.run(answer_slowly(client)) == [0, 1, 2]
    assert [message["body"] for message in client.messages[1:]] == [b"a", b"b", b"c"]
    assert client.has_ended


@pytest.mark.parametrize("held_back", [b"", b"rows"])
def test_a_client_that_does_not_take_the_last_piece_is_given_up(held_back, monkeypatch):
    monkeypatch.setattr(response, "_SEND_SECONDS", 0.01)

    async def never_take(message: dict) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def answer_stalled() -> None:
        responder = Responder(never_take, query_id="", timezone="UTC", version="26.9")
        await responder.begin("CSV", Statistics(), length=None)
        await responder.write(held_back)
        await asyncio.wait_for(responder.finish(), 5)

    with pytest.raises(ClientGoneError):
        asyncio.run(answer_stalled())


def test_a_client_has_two_minutes_to_take_a_piece_and_is_told_how_long_its_connection_is_kept():
    assert response._SEND_SECONDS == 120
    client = Client()
    asyncio.run(answer(client, [b"a"]))
    assert client.headers["keep-alive"] == "timeout=30"


def test_large_pieces_are_compressed_in_another_thread():
    responder = Client().responder
    main = threading.get_ident()

    async def find_thread(size: int) -> int:
        return await responder._run_compression(lambda _: threading.get_ident(), bytes(size))

    assert asyncio.run(find_thread((1 << 16) - 1)) == main
    assert asyncio.run(find_thread(1 << 16)) != main

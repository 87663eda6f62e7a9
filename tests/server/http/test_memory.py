"""Memory is bounded: large results and inserts are streamed, and the number of sessions is limited."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import lz4.frame
import pytest
from backports import zstd

from tests.support.peak_memory import PeakMemory
from trailhouse.server.engine.sessions import MAX_SESSIONS
from trailhouse.server.process import ensure_running, stop

DATA_BYTES = 400 << 20
MAX_GROWTH_BYTES = 150 << 20
_ROW_BYTES = 128
_ROW_COUNT = DATA_BYTES // _ROW_BYTES
_SMALL_BLOCKS = {
    "max_block_size": "8192",
    "max_insert_block_size": "65536",
    "min_insert_block_size_rows": "65536",
    "min_insert_block_size_bytes": str(8 << 20),
}

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel keeps peaks on Linux only"),
]


@dataclass(frozen=True)
class FreshServer:
    """A new server for the tests of this file.

    A server that ran other tests before could use freed memory again, so its memory would grow by too little.
    """

    client: httpx.Client
    memory: PeakMemory


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Iterator[FreshServer]:
    directory = tmp_path_factory.mktemp("fresh") / "warehouse"
    endpoint = ensure_running(directory, idle_timeout_seconds=600)
    pid = json.loads((directory / "server.json").read_text())["pid"]
    with httpx.Client(base_url=endpoint.url, auth=(endpoint.user, endpoint.password), timeout=60) as client:
        client.post("/", content="CREATE TABLE swallowed (x String) ENGINE = Null")
        yield FreshServer(client, PeakMemory(pid))
    stop(directory)


@pytest.mark.parametrize(
    ("options", "encoding"),
    [
        ({}, "identity"),
        ({"wait_end_of_query": "1"}, "identity"),
        ({"enable_http_compression": "1"}, "gzip"),
        ({"enable_http_compression": "1"}, "zstd"),
        ({"enable_http_compression": "1"}, "lz4"),
        ({"enable_http_compression": "1"}, "br"),
        ({"enable_http_compression": "1", "wait_end_of_query": "1"}, "zstd"),
    ],
)
def test_a_large_result_passes_through_little_memory(fresh, options, encoding):
    query = f"SELECT repeat('x', {_ROW_BYTES - 1}) FROM numbers({_ROW_COUNT})"
    size_bytes = 0
    fresh.memory.reset()
    params = {**options, "max_block_size": "8192"}
    with fresh.client.stream(
        "POST", "/", params=params, headers={"Accept-Encoding": encoding}, content=query
    ) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            size_bytes += len(piece)
    growth = fresh.memory.growth_bytes
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert size_bytes == DATA_BYTES if encoding == "identity" else 0 < size_bytes < DATA_BYTES
    assert growth < MAX_GROWTH_BYTES


def rows() -> Iterator[bytes]:
    piece = (b"x" * (_ROW_BYTES - 1) + b"\n") * ((1 << 20) // _ROW_BYTES)
    for _ in range(DATA_BYTES >> 20):
        yield piece


def encode_stream(compressor) -> Iterator[bytes]:
    if hasattr(compressor, "begin"):
        yield compressor.begin()
    for piece in rows():
        yield compressor.compress(piece)
    yield compressor.flush()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (rows, {}),
        (lambda: encode_stream(zlib.compressobj(1, zlib.DEFLATED, 31)), {"Content-Encoding": "gzip"}),
        (lambda: encode_stream(zstd.ZstdCompressor(level=1)), {"Content-Encoding": "zstd"}),
        (lambda: encode_stream(lz4.frame.LZ4FrameCompressor()), {"Content-Encoding": "lz4"}),
    ],
    ids=["none", "gzip", "zstd", "lz4"],
)
def test_a_large_insert_passes_through_little_memory(fresh, body, headers):
    params = {"query": "INSERT INTO swallowed FORMAT TSV", **_SMALL_BLOCKS}
    fresh.memory.reset()
    answer = fresh.client.post("/", params=params, headers=headers, content=body())
    growth = fresh.memory.growth_bytes
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == str(_ROW_COUNT)
    assert growth < MAX_GROWTH_BYTES


def test_sessions_have_a_limit(fresh):
    def ask(number: int, timeout_seconds: int = 600) -> int:
        session = {"session_id": f"many-{number}", "session_timeout": str(timeout_seconds)}
        return fresh.client.post("/", params=session, content="SELECT 1").status_code

    fresh.memory.reset()
    assert {ask(number) for number in range(MAX_SESSIONS)} == {200}
    assert [ask(number) for number in range(MAX_SESSIONS, MAX_SESSIONS + 5)] == [503] * 5
    assert fresh.memory.growth_bytes < 2 * MAX_GROWTH_BYTES
    assert ask(7, timeout_seconds=0) == 200  # ends this session
    assert [ask(MAX_SESSIONS), ask(MAX_SESSIONS + 1)] == [200, 503]

"""Encodings, both ways."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import cramjam
import httpx
import lz4.frame
import numpy as np
import pytest
from backports import zstd

from trailhouse.server.errors import ServerError
from trailhouse.server.http.compression import choose_encoding
from trailhouse.server.http.native_blocks import BlockCompressor, BlockDecompressor

_CODECS = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "br": (brotli.compress, brotli.decompress),
    "xz": (lzma.compress, lzma.decompress),
    "zstd": (zstd.compress, zstd.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "snappy": (cramjam.snappy.compress_raw, cramjam.snappy.decompress_raw),
}


@pytest.mark.parametrize("encoding", _CODECS)
@pytest.mark.parametrize("rows_count", [1, 400000])
def test_a_response_comes_in_the_encoding_that_was_asked_for(server, encoding, rows_count):
    query = f"SELECT number FROM numbers({rows_count})"
    with httpx.stream(
        "POST",
        server.url,
        auth=server.admin,
        content=query,
        params={"enable_http_compression": "1"},
        headers={"Accept-Encoding": encoding},
        timeout=60,
    ) as answer:
        assert answer.headers["Content-Encoding"] == encoding
        body = b"".join(answer.iter_raw())
    assert bytes(_CODECS[encoding][1](body)) == b"".join(b"%d\n" % number for number in range(rows_count))


@pytest.mark.parametrize("encoding", _CODECS)
def test_a_body_is_read_in_its_encoding(http, table, encoding):
    rows = b"".join(b"%d\tx\n" % number for number in range(100000))
    encoded = bytes(_CODECS[encoding][0](rows))
    answer = http.post(
        "/",
        params={"query": f"INSERT INTO {table} FORMAT TSV"},
        content=encoded,
        headers={"Content-Encoding": encoding},
    )
    assert answer.status_code == 200, answer.text
    assert http.post("/", content=f"SELECT count(), sum(a) FROM {table}").text == f"100000\t{sum(range(100000))}\n"
    http.post("/", content=f"TRUNCATE TABLE {table}")
    broken = http.post(
        "/",
        params={"query": f"INSERT INTO {table} FORMAT TSV"},
        content=bytes(encoded)[: len(encoded) // 2],
        headers={"Content-Encoding": encoding},
    )
    assert broken.status_code == 400
    assert http.post("/", content=f"SELECT count() FROM {table}").text == "0\n"


def test_without_both_the_setting_and_the_header_nothing_is_compressed(http):
    for params, accept in [({}, "gzip"), ({"enable_http_compression": "1"}, "identity")]:
        answer = http.post("/", params=params, headers={"Accept-Encoding": accept}, content="SELECT 1")
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("gzip, br", "gzip"),
        ("br;q=1, gzip;q=0.5", "br"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
        ("lz4,zstd,br,gzip", "lz4"),
        ("gzip;q=nonsense", None),
    ],
)
def test_the_clients_weights_decide_and_then_the_cheapest(accept, chosen):
    assert choose_encoding(accept) == chosen


@pytest.mark.parametrize("size", [1, 1 << 20, 3 * (1 << 20) + 7])
def test_native_blocks_survive_the_round_trip(size):
    plain = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    compressor, decompressor = BlockCompressor(), BlockDecompressor()
    encoded = compressor.compress(plain) + compressor.finish()
    pieces = [
        piece for start in range(0, len(encoded), 1000) for piece in decompressor.feed(encoded[start : start + 1000])
    ]
    assert b"".join([*pieces, *decompressor.finish()]) == plain


# what ClickHouse stores for the one Int64 1: CityHash128 and the head of the block, then the value
_BLOCKS_OF_ONE = {
    "LZ4": "4854999292db6a74c5da23ed7eb04b3e821200000008000000800100000000000000",
    "NONE": "2f2193cde0261ae6a5b6db1d2ea73eb80211000000080000000100000000000000",
}


@pytest.fixture(scope="module")
def column_files(server, http) -> Iterator[Callable[[int], dict[str, bytes]]]:
    """Columns of numbers as the engine wrote them, one for each method of compression."""

    def store(count: int) -> dict[str, bytes]:
        columns = ", ".join(f"{codec} Int64 CODEC({codec})" for codec in ("LZ4", "ZSTD", "NONE"))
        wide = "min_bytes_for_wide_part = 0, min_compress_block_size = 65536, max_compress_block_size = 65536"
        create = f"CREATE OR REPLACE TABLE written ({columns}) ENGINE = MergeTree ORDER BY tuple() SETTINGS {wide}"
        http.post("/", content=create).raise_for_status()
        insert = f"INSERT INTO written SELECT number + 1, number + 1, number + 1 FROM numbers({count})"
        http.post("/", content=insert).raise_for_status()
        (folder,) = http.post(
            "/", content="SELECT path FROM system.parts WHERE table = 'written' AND active"
        ).text.split()
        return {codec: (server.directory / folder / f"{codec}.bin").read_bytes() for codec in ("LZ4", "ZSTD", "NONE")}

    yield store
    http.post("/", content="DROP TABLE written")


def test_blocks_that_the_engine_wrote_are_read(column_files):
    plain = np.arange(1, 100001, dtype="<i8").tobytes()
    for codec, encoded in column_files(100000).items():
        decompressor = BlockDecompressor()
        assert b"".join([*decompressor.feed(encoded), *decompressor.finish()]) == plain, codec
        damaged = encoded[:-1] + bytes([encoded[-1] ^ 1])
        with pytest.raises(ServerError, match="Checksum"):
            list(BlockDecompressor().feed(damaged))


def test_blocks_are_written_as_the_engine_writes_them(column_files):
    one = struct.pack("<q", 1)  # too short for LZ4 to be written in two ways
    compressor = BlockCompressor()
    written = compressor.compress(one) + compressor.finish()
    stored = column_files(1)
    assert written.hex() == stored["LZ4"].hex() == _BLOCKS_OF_ONE["LZ4"]
    assert stored["NONE"].hex() == _BLOCKS_OF_ONE["NONE"]
    for block in _BLOCKS_OF_ONE.values():
        assert list(BlockDecompressor().feed(bytes.fromhex(block))) == [one]


def test_native_blocks_go_both_ways_over_http(http, table):
    compressor, decompressor = BlockCompressor(), BlockDecompressor()
    rows = compressor.compress(b"1\tx\n2\ty\n") + compressor.finish()
    insert = http.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV", "decompress": "1"}, content=rows)
    assert insert.status_code == 200, insert.text
    answer = http.post("/", params={"compress": "1"}, content=f"SELECT * FROM {table} ORDER BY a")
    assert b"".join(decompressor.feed(answer.content)) == b"1\tx\n2\ty\n"
    damaged = rows[:20] + bytes([rows[20] ^ 1]) + rows[21:]
    assert (
        http.post(
            "/", params={"query": f"INSERT INTO {table} FORMAT TSV", "decompress": "1"}, content=damaged
        ).status_code
        >= 400
    )


def test_a_compressed_late_error_can_be_read(server):
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
    body = b""
    decoder = zlib.decompressobj(31)
    params, headers = {"enable_http_compression": "1"}, {"Accept-Encoding": "gzip"}
    with (
        contextlib.suppress(httpx.RemoteProtocolError),
        httpx.stream("POST", server.url, auth=server.admin, content=query, params=params, headers=headers) as answer,
    ):
        for piece in answer.iter_raw():
            body = body[-5000:] + decoder.decompress(piece)
    assert b"__exception__\r\n" + answer.headers["X-ClickHouse-Exception-Tag"].encode() in body


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "bz2", "xz"])
def test_a_body_that_expands_a_thousandfold_stays_bounded(http, server, encoding):
    bomb = _CODECS[encoding][0](b"0" * (64 << 20))
    before = resident_bytes(server)
    answer = http.post("/", content=bomb, headers={"Content-Encoding": encoding})
    assert answer.status_code == 413
    assert resident_bytes(server) - before < 48 << 20


def resident_bytes(server) -> int:
    pid = json.loads((server.directory / "server.json").read_text())["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024

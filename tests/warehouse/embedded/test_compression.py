"""Encodings, both ways."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import zlib
from pathlib import Path

import brotli
import cramjam
import httpx
import lz4.frame
import pytest
from backports import zstd

from trailhouse.warehouse.embedded.compression import choose_encoding
from trailhouse.warehouse.embedded.native_blocks import BlockCompressor, BlockDecompressor

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

"""Responses in the encoding that the client asks for."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib

import brotli
import httpx
import lz4.frame
import pytest
from backports import zstd

from trailhouse.server.http.response_compression import ENCODINGS, choose_encoding, make_compressor

_DECODE = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
    "lz4": lz4.frame.decompress,
}


@pytest.mark.parametrize("encoding", _DECODE)
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
        assert "Content-Length" not in answer.headers  # the length of the plain body would be wrong
        body = b"".join(answer.iter_raw())
    assert bytes(_DECODE[encoding](body)) == b"".join(b"%d\n" % number for number in range(rows_count))


def test_without_both_the_setting_and_the_header_nothing_is_compressed(http):
    for params, accept in [({}, "gzip"), ({"enable_http_compression": "1"}, "identity")]:
        answer = http.post("/", params=params, headers={"Accept-Encoding": accept}, content="SELECT 1")
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("gzip, br", "gzip"),
        ("br, gzip", "gzip"),
        ("BR", "br"),
        ("br;q=1, gzip;q=0.5", "br"),
        ("br; q=0.5, gzip ; q=0.4", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0, br;q=0.1", "br"),
        ("identity", None),
        ("", None),
        ("lz4,zstd,br,gzip", "lz4"),
        ("zstd, gzip", "zstd"),
        ("deflate, br", "deflate"),
        ("gzip;q=nonsense", None),
        ("snappy, xz, bz2", None),
    ],
)
def test_the_clients_weights_decide_and_then_the_cheapest(accept, chosen):
    assert choose_encoding(accept) == chosen


def test_every_encoding_has_a_compressor_and_every_client_a_decoder():
    assert set(ENCODINGS) == set(_DECODE)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [b"a" * 100, b"", b"bc" * 100000, b"d"]])
def test_the_pieces_of_a_body_are_one_encoded_body(encoding, pieces):
    compressor = make_compressor(encoding)
    body = b"".join([*(compressor.compress(piece) for piece in pieces), compressor.finish()])
    assert bytes(_DECODE[encoding](body)) == b"".join(pieces)
    assert len(body) < max(100, len(b"".join(pieces)) / 100)


@pytest.mark.parametrize(("encoding", "window_bits"), [("gzip", 31), ("deflate", 15)])
def test_bodies_are_compressed_at_level_3_with_the_largest_window(encoding, window_bits):
    block = random.Random(1).randbytes(20_000)
    reference = zlib.compressobj(3, zlib.DEFLATED, window_bits)
    compressor = make_compressor(encoding)
    body = compressor.compress(2 * block) + compressor.finish()
    assert body == reference.compress(2 * block) + reference.flush()
    assert len(body) < 21_000  # a smaller window does not reach the first copy of the block


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


def test_an_error_before_the_body_is_not_compressed(http):
    options = {"enable_http_compression": "1"}
    answer = http.post("/", params=options, headers={"Accept-Encoding": "gzip"}, content="SELEC")
    assert "Content-Encoding" not in answer.headers
    assert answer.text.startswith("Code: 62.")


@pytest.mark.parametrize("option", ["compress", "decompress"])
def test_clickhouses_own_blocks_are_refused_and_not_misread(http, option):
    answer = http.post("/", params={option: "1"}, content="SELECT 1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (501, "48")
    assert http.post("/", params={option: "0"}, content="SELECT 1").text == "1\n"

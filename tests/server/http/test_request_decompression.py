"""Decoding of compressed request bodies: no row is lost, and memory is bounded."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import brotli
import lz4.frame
import pytest
from backports import zstd

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.request_decompression import Decompressor

_ENCODE = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}
_HAVE_MEMBERS = ["gzip", "deflate", "zstd", "lz4"]
_MEBIBYTE = 1 << 20


def decode(encoding: str, *pieces: bytes) -> list[bytes]:
    decompressor = Decompressor(encoding)
    decoded = [output for piece in pieces for output in decompressor.feed(piece)]
    decompressor.finish()
    return decoded


@pytest.mark.parametrize("encoding", _ENCODE)
def test_a_body_is_read_in_its_encoding(http, table, encoding):
    rows = b"".join(b"%d\tx\n" % number for number in range(100000))
    encoded = bytes(_ENCODE[encoding](rows))
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


@pytest.mark.parametrize("encoding", _HAVE_MEMBERS)
def test_rows_of_every_member_of_a_body_are_inserted(http, table, encoding):
    members = [b"".join(b"%d\tx\n" % number for number in range(start, start + 1000)) for start in (0, 1000, 2000)]
    body = b"".join(bytes(_ENCODE[encoding](member)) for member in members)
    params = {"query": f"INSERT INTO {table} FORMAT TSV"}
    assert http.post("/", params=params, content=body, headers={"Content-Encoding": encoding}).status_code == 200
    assert http.post("/", content=f"SELECT count(), sum(a) FROM {table}").text == f"3000\t{sum(range(3000))}\n"


@pytest.mark.parametrize("encoding", _HAVE_MEMBERS)
@pytest.mark.parametrize("members", [[b"first"], [b"first", b"second"], [b"first", b"", b"third" * 1000]])
def test_members_are_joined_wherever_the_pieces_of_the_body_end(encoding, members):
    body = b"".join(bytes(_ENCODE[encoding](member)) for member in members)
    for cut in range(len(body) + 1):
        assert b"".join(decode(encoding, body[:cut], body[cut:])) == b"".join(members), cut
    assert b"".join(decode(encoding, *(body[index : index + 1] for index in range(len(body))))) == b"".join(members)


@pytest.mark.parametrize("encoding", _HAVE_MEMBERS)
def test_a_second_member_that_is_cut_or_damaged_is_an_error(encoding):
    first, second = (bytes(_ENCODE[encoding](text)) for text in (b"first" * 100, b"second" * 100))
    for rest in (second[:-1], second[: len(second) // 2], b"nonsense", second + b"\x00nonsense"):
        with pytest.raises(ServerError) as caught:
            decode(encoding, first, rest)
        assert (caught.value.code, caught.value.status) == (432, 400), rest


@pytest.mark.parametrize("encoding", _ENCODE)
def test_a_body_that_is_cut_or_something_else_is_an_error_and_an_empty_one_is_none(encoding):
    body = bytes(_ENCODE[encoding](b"some text"))
    for wrong in (body[:-1], body[:1], b"some text" * 100):
        with pytest.raises(ServerError) as caught:
            decode(encoding, wrong)
        assert (caught.value.code, caught.value.status) == (432, 400), wrong
    assert decode(encoding) == decode(encoding, b"") == []
    assert b"".join(decode(encoding, body)) == b"some text"


@pytest.mark.parametrize("encoding", ["xz", "bz2", "snappy", "gzip, br", "x"])
def test_an_encoding_that_no_client_of_ours_sends_is_refused(http, encoding):
    answer = http.post("/", headers={"Content-Encoding": encoding}, content="SELECT 1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (501, "48")
    assert http.post("/", headers={"Content-Encoding": "identity"}, content="SELECT 1").text == "1\n"


@pytest.mark.parametrize("encoding", _ENCODE)
def test_decoded_pieces_are_small_however_far_the_body_expands(encoding):
    text = b"0" * (16 * _MEBIBYTE + 1)
    decompressor = Decompressor(encoding)
    sizes = [len(output) for output in decompressor.feed(bytes(_ENCODE[encoding](text)))]
    decompressor.finish()
    assert sum(sizes) == len(text)
    assert max(sizes) <= 2 * _MEBIBYTE  # not 1 MiB: brotli finishes the block that it has begun


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_a_body_that_expands_a_thousandfold_stays_bounded(http, server, encoding):
    bomb = _ENCODE[encoding](b"0" * (64 << 20))
    before = resident_bytes(server)
    answer = http.post("/", content=bomb, headers={"Content-Encoding": encoding})
    assert answer.status_code == 413
    assert resident_bytes(server) - before < 48 << 20


def resident_bytes(server) -> int:
    pid = json.loads((server.directory / "server.json").read_text())["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024

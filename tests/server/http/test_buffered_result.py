"""Buffered results in memory and in a file."""

from __future__ import annotations

import asyncio

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http import buffered_result
from trailhouse.server.http.buffered_result import BufferedResult


async def fill(pieces: list[bytes]) -> BufferedResult:
    result = BufferedResult()
    for piece in pieces:
        await result.append(piece)
    return result


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"b"], [b"0123", b"456789"]])
def test_a_small_result_stays_in_memory(monkeypatch, pieces):
    monkeypatch.setattr(buffered_result, "_MEMORY_BYTES", 10)
    result = asyncio.run(fill(pieces))
    assert result.is_in_memory
    assert result.join() == b"".join(pieces)
    assert result.size_bytes == len(b"".join(pieces))


@pytest.mark.parametrize("pieces", [[b"01234567890"], [b"0123", b"456789", b"a"], [b"0" * 11, b"1", b"2" * 20, b"3"]])
def test_a_large_result_is_written_to_a_file_and_comes_back_in_order(monkeypatch, pieces):
    monkeypatch.setattr(buffered_result, "_MEMORY_BYTES", 10)
    monkeypatch.setattr(buffered_result, "_PIECE_BYTES", 7)

    async def pass_through() -> list[bytes]:
        result = await fill(pieces)
        assert not result.is_in_memory
        assert result.size_bytes == len(b"".join(pieces))
        return [piece async for piece in result.stream()]

    streamed = asyncio.run(pass_through())
    assert b"".join(streamed) == b"".join(pieces)
    assert max(map(len, streamed)) <= 7


def test_a_result_of_up_to_64_mib_is_held_in_memory():
    assert buffered_result._MEMORY_BYTES == 64 * 1024**2
    assert buffered_result._PIECE_BYTES == 1024**2


def test_a_result_does_not_take_the_last_of_the_disk(monkeypatch):
    monkeypatch.setattr(buffered_result, "_MEMORY_BYTES", 10)
    monkeypatch.setattr(buffered_result, "_FREE_BYTES", 1 << 60)
    asyncio.run(fill([b"0123456789"]))
    with pytest.raises(ServerError, match="has less than 1 GiB free") as caught:
        asyncio.run(fill([b"0123456789", b"x"]))
    assert caught.value.code == 243

"""ClickHouse's own compressed blocks, as ``compress=1`` and ``decompress=1`` carry them.

A block: CityHash128 (version 1.0.2, two little-endian 64-bit halves) of the rest; one byte for the method
(0x82 LZ4, 0x90 ZSTD, 0x02 none); the compressed size, these nine bytes included; the plain size; the data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import lz4.block  # type: ignore[import-untyped]
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128  # type: ignore[import-untyped]

from trailhouse.server.errors import ServerError

_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_BYTES = 64 << 20
_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02
_HALF = (1 << 64) - 1


class BlockCompressor:
    """Writes LZ4 blocks of a mebibyte."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def compress(self, data: bytes) -> bytes:
        """The blocks that are full now."""
        self._buffer += data
        blocks = []
        while len(self._buffer) >= _BLOCK_BYTES:
            blocks.append(_make_block(bytes(self._buffer[:_BLOCK_BYTES])))
            del self._buffer[:_BLOCK_BYTES]
        return b"".join(blocks)

    def finish(self) -> bytes:
        """The last block."""
        return _make_block(bytes(self._buffer)) if self._buffer else b""


class BlockDecompressor:
    """Reads blocks of any of the three methods, and checks them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain data of the blocks that are whole now. Raises ServerError where one is damaged."""
        self._buffer += data
        while len(self._buffer) >= _CHECKSUM_BYTES + _HEADER.size:
            method, compressed_size, plain_size = _HEADER.unpack_from(self._buffer, _CHECKSUM_BYTES)
            if not _HEADER.size <= compressed_size <= _MAX_BLOCK_BYTES or plain_size > _MAX_BLOCK_BYTES:
                raise _damaged("a block is larger than 64 MiB")
            end = _CHECKSUM_BYTES + compressed_size
            if len(self._buffer) < end:
                return
            block = bytes(self._buffer[:end])
            del self._buffer[:end]
            if _checksum(block[_CHECKSUM_BYTES:]) != block[:_CHECKSUM_BYTES]:
                raise ServerError(40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data")
            yield _read_block(method, block[_CHECKSUM_BYTES + _HEADER.size :], plain_size)

    def finish(self) -> Iterator[bytes]:
        """Nothing more; raises ServerError where the body ended inside a block."""
        if self._buffer:
            raise _damaged("the body ended inside a block")
        yield from ()


def _make_block(plain: bytes) -> bytes:
    data: bytes = lz4.block.compress(plain, store_size=False)
    rest = _HEADER.pack(_LZ4, _HEADER.size + len(data), len(plain)) + data
    return _checksum(rest) + rest


def _read_block(method: int, data: bytes, plain_size: int) -> bytes:
    try:
        if method == _LZ4:
            plain: bytes = bytes(lz4.block.decompress(data, uncompressed_size=plain_size))
        elif method == _ZSTD:
            plain = bytes(zstd.ZstdDecompressor().decompress(data, plain_size))
        elif method == _NONE:
            plain = data
        else:
            raise _damaged(f"unknown method 0x{method:02x}")
    except (lz4.block.LZ4BlockError, zstd.ZstdError) as error:
        raise _damaged(str(error)) from error
    if len(plain) != plain_size:
        raise _damaged("a block is not as long as it says")
    return plain


def _checksum(data: bytes) -> bytes:
    value: int = CityHash128(data)
    return struct.pack("<QQ", value >> 64, value & _HALF)


def _damaged(reason: str) -> ServerError:
    return ServerError(271, "CANNOT_DECOMPRESS", f"Cannot decompress: {reason}", status=400)

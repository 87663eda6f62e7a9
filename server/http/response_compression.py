"""This module compresses response bodies piece by piece, in an encoding that the client accepts."""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

# The encodings that cost the least processor time come first. Client and server are usually on the same machine, where
# the processor limits the speed, and not the network.
ENCODINGS = ("lz4", "zstd", "gzip", "deflate", "br")
_LEVEL = 3  # ClickHouse's default for HTTP
_GZIP_WINDOW_BITS, _ZLIB_WINDOW_BITS = 31, 15


class Compressor(Protocol):
    """Encodes a response body piece by piece."""

    def compress(self, data: bytes) -> bytes:
        """Encode one piece. The result may be empty, because an encoder may keep data back until the next call."""

    def finish(self) -> bytes:
        """Return the rest of the encoded body."""


def choose_encoding(accept_encoding: str) -> str | None:
    """Return the encoding for an Accept-Encoding header, or None if the body is to be sent without compression.

    The encoding with the highest weight in the header is chosen. If several encodings have this weight, the cheapest of
    them is chosen.
    """
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.strip().partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    accepted = [name for name in ENCODINGS if weights.get(name, 0.0) > 0]
    return max(accepted, key=lambda name: weights[name], default=None)


def make_compressor(encoding: str) -> Compressor:
    """Return a compressor for one of ``ENCODINGS``."""
    match encoding:
        case "gzip":
            return _FlushingCompressor(zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW_BITS))
        case "deflate":
            return _FlushingCompressor(zlib.compressobj(_LEVEL, zlib.DEFLATED, _ZLIB_WINDOW_BITS))
        case "zstd":
            return _FlushingCompressor(zstd.ZstdCompressor(level=_LEVEL))
        case "lz4":
            return _LZ4Compressor()
        case _:
            return _BrotliCompressor()


class _Flushing(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _FlushingCompressor:
    def __init__(self, compressor: _Flushing) -> None:
        self._compressor = compressor

    def compress(self, data: bytes) -> bytes:
        return self._compressor.compress(data)

    def finish(self) -> bytes:
        return self._compressor.flush()


class _LZ4Compressor:
    def __init__(self) -> None:
        self._compressor = lz4.frame.LZ4FrameCompressor()
        self._has_begun = False

    def compress(self, data: bytes) -> bytes:
        return self._begin() + bytes(self._compressor.compress(data))

    def finish(self) -> bytes:
        return self._begin() + bytes(self._compressor.flush())

    def _begin(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        return bytes(self._compressor.begin())


class _BrotliCompressor:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=_LEVEL)

    def compress(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data))

    def finish(self) -> bytes:
        return bytes(self._compressor.finish())

"""This module decodes compressed request bodies.

The decoded pieces have a bounded size, even if the decoded body is far larger than the compressed body.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from trailhouse.server.clickhouse_errors import ServerError

_STEP_BYTES = 1 << 20
_GZIP_WINDOW_BITS, _ZLIB_WINDOW_BITS = 31, 15
_DECODING_ERRORS = (zlib.error, OSError, EOFError, RuntimeError, ValueError, brotli.error, zstd.ZstdError)


class Decompressor:
    """Decodes a body in pieces of at most a mebibyte.

    The constructor raises ServerError if the encoding is unknown. The methods raise ServerError if the body is not in
    this encoding or is incomplete.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = _make_decoder(encoding)
        self._has_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode one piece of the encoded body, and yield the result in pieces."""
        if not data:
            return
        self._has_begun = True
        try:
            yield from self._decoder.decode(data)
        except _DECODING_ERRORS as error:
            raise self._fail(str(error)) from error

    def finish(self) -> None:
        """Raise ServerError if the compressed body is incomplete. Call this method after the last piece."""
        if self._has_begun and not self._decoder.is_at_end:
            raise self._fail("the body ended too early")

    def _fail(self, reason: str) -> ServerError:
        text = f"Cannot decode the {self._encoding} body: {reason}"
        return ServerError(432, "UNKNOWN_COMPRESSION_METHOD", text, status=400)


class _Decoder(Protocol):
    @property
    def is_at_end(self) -> bool: ...

    def decode(self, data: bytes) -> Iterator[bytes]: ...


def _make_decoder(encoding: str) -> _Decoder:
    match encoding:
        case "gzip":
            return _ZlibDecoder(_GZIP_WINDOW_BITS)
        case "deflate":
            return _ZlibDecoder(_ZLIB_WINDOW_BITS)
        case "zstd":
            return _FrameDecoder(zstd.ZstdDecompressor)
        case "lz4":
            return _FrameDecoder(lz4.frame.LZ4FrameDecompressor)
        case "br":
            return _BrotliDecoder()
    raise ServerError(48, "NOT_IMPLEMENTED", f"Unknown compression method '{encoding}'")


class _ZlibDecoder:
    """Decodes gzip and deflate; a body may have several members, one after the other."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._member = zlib.decompressobj(window_bits)

    @property
    def is_at_end(self) -> bool:
        return self._member.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(self._window_bits)
            output = self._member.decompress(data, _STEP_BYTES)
            data = self._member.unconsumed_tail or self._member.unused_data
            if output:
                yield output


class _FrameDecoder:
    """Decodes zstd and lz4; a body may have several frames, one after the other."""

    def __init__(self, make_frame: Callable[[], Any]) -> None:
        self._make_frame = make_frame
        self._frame = make_frame()

    @property
    def is_at_end(self) -> bool:
        return bool(self._frame.eof)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._frame.eof:
                self._frame = self._make_frame()
            output = self._frame.decompress(data, _STEP_BYTES)
            if output:
                yield output
            data = (self._frame.unused_data or b"") if self._frame.eof else b""
            if not data and (self._frame.eof or self._frame.needs_input):
                return


class _BrotliDecoder:
    """Decodes brotli. A brotli body is one stream, because brotli has neither members nor frames."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def is_at_end(self) -> bool:
        return bool(self._stream.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.process(data, output_buffer_limit=_STEP_BYTES)
        while not self._stream.can_accept_more_data():
            yield self._stream.process(b"", output_buffer_limit=_STEP_BYTES)

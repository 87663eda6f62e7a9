"""Content encodings, streaming both ways, with bounded output per step."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import brotli  # type: ignore[import-untyped]
import cramjam
import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from trailhouse.server.errors import ServerError

_STEP_BYTES = 1 << 20
# the cheapest first: on loopback the processor is the bottleneck
_PREFERENCE = ("lz4", "zstd", "snappy", "gzip", "deflate", "br", "xz", "bz2")
# ClickHouse's snappy is one raw block: whoever reads or writes it needs all of it at once
MAX_SNAPPY_BYTES = 16 << 20
_MAX_SNAPPY_INPUT_BYTES = 32 + MAX_SNAPPY_BYTES + MAX_SNAPPY_BYTES // 6


class Compressor(Protocol):
    """Turns a response body into its encoded form, piece by piece."""

    def compress(self, data: bytes) -> bytes:
        """Encode one piece; may return nothing yet."""

    def finish(self) -> bytes:
        """The rest of the encoded body."""


def choose_encoding(accept_encoding: str, size_bytes: int | None = 0) -> str | None:
    """The encoding for a response, from the request's Accept-Encoding, or None for identity.

    ``size_bytes`` is the plain body's, None where it is not known yet: snappy is for small bodies only.
    """
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.strip().partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    is_large = size_bytes is None or size_bytes > MAX_SNAPPY_BYTES
    offered = [name for name in _PREFERENCE if weights.get(name, 0.0) > 0 and not (is_large and name == "snappy")]
    return max(offered, key=lambda name: weights[name], default=None)


def make_compressor(encoding: str, level: int) -> Compressor:
    """A compressor for one of the eight encodings that ClickHouse serves."""
    match encoding:
        case "gzip":
            return _ZlibCompressor(31, level)
        case "deflate":
            return _ZlibCompressor(15, level)
        case "lz4":
            return _LZ4Compressor(level)
        case "zstd":
            return _StandardCompressor(zstd.ZstdCompressor(level=level))
        case "br":
            return _BrotliCompressor(level)
        case "xz":
            return _StandardCompressor(lzma.LZMACompressor(preset=min(level, 6)))
        case "bz2":
            return _StandardCompressor(bz2.BZ2Compressor(max(1, min(level, 9))))
        case "snappy":
            return _SnappyCompressor()
    raise ServerError(36, "BAD_ARGUMENTS", f"Unknown compression method '{encoding}'")


class _FlushingCompressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _StandardCompressor:
    def __init__(self, compressor: _FlushingCompressor) -> None:
        self._compressor = compressor

    def compress(self, data: bytes) -> bytes:
        return self._compressor.compress(data)

    def finish(self) -> bytes:
        return self._compressor.flush()


class _ZlibCompressor(_StandardCompressor):
    def __init__(self, window_bits: int, level: int) -> None:
        super().__init__(zlib.compressobj(max(0, min(level, 9)), zlib.DEFLATED, window_bits))


class _LZ4Compressor:
    def __init__(self, level: int) -> None:
        self._compressor = lz4.frame.LZ4FrameCompressor(compression_level=0 if level <= 3 else level)
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
    def __init__(self, level: int) -> None:
        self._compressor = brotli.Compressor(quality=max(0, min(level, 11)))

    def compress(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data))

    def finish(self) -> bytes:
        return bytes(self._compressor.finish())


class _SnappyCompressor:
    """Keeps the whole body until its end; ``choose_encoding`` sees to it that it is small."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def compress(self, data: bytes) -> bytes:
        self._parts.append(data)
        return b""

    def finish(self) -> bytes:
        return bytes(cramjam.snappy.compress_raw(b"".join(self._parts)))


class Decompressor:
    """Decodes a request body; yields at most a mebibyte at a time, however far the input expands."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = _make_decoder(encoding)
        self._snappy_body = bytearray()
        self._is_fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces of one piece of input. Raises ServerError where it is not in this encoding."""
        if not data:
            return
        self._is_fed = True
        try:
            if self._encoding == "snappy":
                self._snappy_body += data
                if len(self._snappy_body) > _MAX_SNAPPY_INPUT_BYTES:
                    raise _snappy_is_too_large()
            elif self._encoding == "br":
                yield from self._feed_brotli(data)
            elif self._encoding in ("gzip", "deflate"):
                yield from self._feed_zlib(data)
            else:
                yield from self._feed_standard(data)
        except _DECODING_ERRORS as error:
            raise _cannot_decode(self._encoding, str(error)) from error

    def finish(self) -> Iterator[bytes]:
        """The rest; raises ServerError where the body ended in the middle."""
        if self._encoding == "snappy":
            if self._is_fed:
                yield _decompress_snappy(bytes(self._snappy_body))
            return
        is_whole = self._decoder.is_finished() if self._encoding == "br" else self._decoder.eof
        if self._is_fed and not is_whole:
            raise _cannot_decode(self._encoding, "the body ended too early")

    def _feed_zlib(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._decoder.eof:
                self._decoder = _make_decoder(self._encoding)
            output = self._decoder.decompress(data, _STEP_BYTES)
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
            if output:
                yield output

    def _feed_standard(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._decoder.eof:
                data = self._decoder.unused_data or data
                if not data:
                    return
                self._decoder = _make_decoder(self._encoding)
            output = self._decoder.decompress(data, _STEP_BYTES)
            if output:
                yield output
            data = (self._decoder.unused_data or b"") if self._decoder.eof else b""
            if (self._decoder.eof and not data) or (not self._decoder.eof and self._decoder.needs_input):
                return

    def _feed_brotli(self, data: bytes) -> Iterator[bytes]:
        output = self._decoder.process(data, output_buffer_limit=_STEP_BYTES)
        yield output
        while not self._decoder.can_accept_more_data():
            output = self._decoder.process(b"", output_buffer_limit=_STEP_BYTES)
            if output:
                yield output


_DECODING_ERRORS = (
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    brotli.error,
    zstd.ZstdError,
)


def _make_decoder(encoding: str) -> Any:  # noqa: ANN401  eight unrelated classes
    match encoding:
        case "gzip":
            return zlib.decompressobj(31)
        case "deflate":
            return zlib.decompressobj(15)
        case "lz4":
            return lz4.frame.LZ4FrameDecompressor()
        case "zstd":
            return zstd.ZstdDecompressor()
        case "br":
            return brotli.Decompressor()
        case "xz":
            return lzma.LZMADecompressor(memlimit=256 << 20)
        case "bz2":
            return bz2.BZ2Decompressor()
        case "snappy":
            return None
    raise ServerError(48, "NOT_IMPLEMENTED", f"Unknown compression method '{encoding}'")


def _decompress_snappy(data: bytes) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(data) > MAX_SNAPPY_BYTES:
            raise _snappy_is_too_large()
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise _cannot_decode("snappy", str(error)) from error


def _snappy_is_too_large() -> ServerError:
    limit = f"{MAX_SNAPPY_BYTES >> 20} MiB"
    return ServerError(161, "QUERY_IS_TOO_LARGE", f"A snappy body may not exceed {limit}: send it in parts, or as lz4")


def _cannot_decode(encoding: str, reason: str) -> ServerError:
    return ServerError(432, "UNKNOWN_COMPRESSION_METHOD", f"Cannot decode the {encoding} body: {reason}", status=400)

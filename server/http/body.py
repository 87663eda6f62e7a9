"""The request's body: decoded, bounded, and drained when nobody wants the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Protocol

from trailhouse.server.http.compression import Decompressor
from trailhouse.server.http.native_blocks import BlockDecompressor
from trailhouse.server.http.request import QueryRequest

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_DRAIN_SECONDS = 30.0
_RECEIVE_SECONDS = 120.0


class RequestDecoder(Protocol):
    """Turns an encoded body into its plain pieces."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain pieces of one encoded piece."""

    def finish(self) -> Iterator[bytes]:
        """The last pieces."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class RequestBody:
    """Reads one request's body."""

    def __init__(self, receive: Receive, decoders: list[RequestDecoder]) -> None:
        self._receive = receive
        self._decoders = decoders
        self.is_whole = False

    async def stream_raw(self) -> AsyncGenerator[bytes, None]:
        """The pieces as they came. Raises ClientGoneError where the client left."""
        while not self.is_whole:
            try:
                async with asyncio.timeout(_RECEIVE_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                raise ClientGoneError from None
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.is_whole = not message.get("more_body", False)
            if message["body"]:
                yield message["body"]

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The decoded pieces. Raises ServerError where they do not decode."""
        async for data in self.stream_raw():
            for piece in self._decode(data, 0):
                yield piece
        for piece in self._finish(0):
            yield piece

    async def drain(self) -> None:
        """Read and forget the rest, so that the client sees the response and the connection stays usable."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.stream_raw():
                    pass
        except (ClientGoneError, TimeoutError):
            return

    async def wait_for_disconnect(self) -> None:
        """Return when the client leaves; only after the body is whole."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    def _decode(self, data: bytes, level: int) -> Iterator[bytes]:
        if level == len(self._decoders):
            if data:
                yield data
            return
        for piece in self._decoders[level].feed(data):
            yield from self._decode(piece, level + 1)

    def _finish(self, level: int) -> Iterator[bytes]:
        if level == len(self._decoders):
            return
        for piece in self._decoders[level].finish():
            yield from self._decode(piece, level + 1)
        yield from self._finish(level + 1)


def choose_decoders(request: QueryRequest) -> list[RequestDecoder]:
    """Decoders for Content-Encoding and ``decompress=1``. Raises ServerError for an encoding nobody knows."""
    decoders: list[RequestDecoder] = []
    name = request.headers.get("content-encoding", "").strip().lower()
    if name not in ("", "identity"):
        decoders.append(Decompressor(name))
    if request.is_on("decompress"):
        decoders.append(BlockDecompressor())
    return decoders

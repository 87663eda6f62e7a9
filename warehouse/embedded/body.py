"""The request's body: decoded, bounded, and drained when nobody wants the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from trailhouse.warehouse.embedded.compression import Decompressor
from trailhouse.warehouse.embedded.errors import ServerError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_DRAIN_SECONDS = 30.0


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class RequestBody:
    """Reads one request's body."""

    def __init__(self, receive: Receive, decoders: list[Decompressor]) -> None:
        self._receive = receive
        self._decoders = decoders
        self.is_whole = False

    async def stream_raw(self) -> AsyncIterator[bytes]:
        """The pieces as they came. Raises ClientGoneError where the client left."""
        while not self.is_whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.is_whole = not message.get("more_body", False)
            if message["body"]:
                yield message["body"]

    async def stream(self) -> AsyncIterator[bytes]:
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


def choose_decoders(content_encoding: str) -> list[Decompressor]:
    """Decoders for a Content-Encoding header. Raises ServerError for an encoding nobody knows."""
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        return []
    if "," in name:
        raise ServerError(48, "NOT_IMPLEMENTED", "Several content encodings on one body are not supported")
    return [Decompressor(name)]

"""This module reads the body of a request and decodes it piece by piece. Unused pieces are read and discarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.types import Receive

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.request import QueryRequest
from trailhouse.server.http.request_decompression import Decompressor

_DRAIN_SECONDS = 30.0
_RECEIVE_SECONDS = 120.0


class ClientGoneError(Exception):
    """The client closed the connection too early, or neither sent nor took any data for two minutes."""


class RequestBody:
    """The body of one request. ``is_complete`` is true when the last piece has arrived."""

    def __init__(self, receive: Receive, decompressor: Decompressor | None = None) -> None:
        self._receive = receive
        self._decompressor = decompressor
        self.is_complete = False

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded pieces of the body.

        Raises ClientGoneError if the client closes the connection, and ServerError if a piece cannot be decoded.
        """
        async for data in self._stream_raw():
            if self._decompressor is None:
                yield data
            else:
                for piece in self._decompressor.feed(data):
                    if piece:
                        yield piece
        if self._decompressor is not None:
            self._decompressor.finish()

    async def drain(self) -> None:
        """Read and discard the rest of the body, so that the client can read the response and reuse the connection."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self._stream_raw():
                    pass
        except (ClientGoneError, TimeoutError):
            return

    async def wait_for_disconnect(self) -> None:
        """Wait until the client closes the connection. Call this only when the body is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def _stream_raw(self) -> AsyncGenerator[bytes, None]:
        while not self.is_complete:
            try:
                async with asyncio.timeout(_RECEIVE_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                raise ClientGoneError from None
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.is_complete = not message.get("more_body", False)
            if message["body"]:
                yield message["body"]


def choose_decompressor(request: QueryRequest) -> Decompressor | None:
    """Return the decompressor for the request's Content-Encoding, or None if the body is not compressed.

    Raises ServerError 48 if the encoding is unknown, or if the request asks for ClickHouse's own compressed blocks
    (``compress=1`` or ``decompress=1``). Python clients do not use such blocks.
    """
    for option in ("compress", "decompress"):
        if request.is_on(option):
            text = f"{option}=1 is not supported: use enable_http_compression, Accept-Encoding and Content-Encoding"
            raise ServerError(48, "NOT_IMPLEMENTED", text)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    return None if encoding in ("", "identity") else Decompressor(encoding)

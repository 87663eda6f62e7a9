"""The body of a request: decoded piece by piece, and read to its end if nobody wants the rest."""

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
    """The client closed the connection, or sent nothing for two minutes, before its request was complete."""


class RequestBody:
    """The body of one request; ``is_complete`` says that its last piece has arrived."""

    def __init__(self, receive: Receive, decompressor: Decompressor | None = None) -> None:
        self._receive = receive
        self._decompressor = decompressor
        self.is_complete = False

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded pieces. Raises ClientGoneError, or ServerError if they do not decode."""
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
        """Read and discard the rest, so that the client sees the response and can use the connection again."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self._stream_raw():
                    pass
        except (ClientGoneError, TimeoutError):
            return

    async def wait_for_disconnect(self) -> None:
        """Return when the client leaves. To be called only when the body is complete."""
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
    """Return the decompressor for the request's Content-Encoding, or None.

    Raises ServerError 48 if the encoding is unknown, or for ClickHouse's own compressed blocks (``compress=1`` and
    ``decompress=1``), which only clients of other languages use.
    """
    for option in ("compress", "decompress"):
        if request.is_on(option):
            text = f"{option}=1 is not supported: use enable_http_compression, Accept-Encoding and Content-Encoding"
            raise ServerError(48, "NOT_IMPLEMENTED", text)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    return None if encoding in ("", "identity") else Decompressor(encoding)

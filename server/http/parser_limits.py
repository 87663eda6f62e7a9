"""This module limits the length of a request's head (its URL and headers), and the time in which it must arrive."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES = (1 << 20) + (1 << 16)  # 1 MiB for the URL and 64 KiB for the headers
_HEAD_SECONDS = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits on the request's head, which uvicorn itself does not have."""

    _head_bytes = 0
    _is_in_head = True
    _head_deadline: TimerHandle | None = None
    _counted_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit when a client connects, so that a connection on which nothing arrives is closed too."""
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Parse the data, or refuse the request if its head is too long.

        After an answer, the time limit starts with the first data, because it ends uvicorn's own time limit for idle
        connections. Data that arrives before the answer has ended does not start the time limit.
        """
        if self._is_in_head:
            if self._head_deadline is None and self.cycle.response_complete:
                self._start_clock()
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES + 65536:
                self._refuse_head()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the count of bytes at 0, because the head of a new request begins."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Collect a piece of the URL. Its size counts towards the limit on the head."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header, or a trailer after the body. Its size counts towards the limit on the head."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the time limit, because the head is complete, and split the query string from the URL."""
        self._is_in_head = False
        self._stop_clock()
        # split the URL here, because uvicorn would parse it with httptools, which refuses more than 64 KiB
        self.url, _, query_string = self.url.partition(b"?")
        super().on_headers_complete()
        self.scope["query_string"] = query_string.partition(b"#")[0]

    def on_message_complete(self) -> None:
        """Expect the head of the next request, because the body of this one is complete."""
        self._is_in_head = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit, because the connection is closed."""
        self._stop_clock()
        super().connection_lost(exc)

    def _count(self, length: int) -> None:
        self._counted_bytes = length + (self._counted_bytes if self.headers or self.url else 0)
        if self._counted_bytes > _MAX_HEAD_BYTES:
            raise ValueError("the request's head is too long")  # uvicorn answers 400 and closes the connection

    def _start_clock(self) -> None:
        self._head_deadline = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse_head(self) -> None:
        body = b"The request's URL and headers are longer than 1 MiB\n"
        self.transport.write(
            b"HTTP/1.1 414 URI Too Long\r\ncontent-type: text/plain\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()

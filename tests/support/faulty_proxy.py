"""An HTTP proxy on loopback that disturbs chosen requests on their way to a server."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("reset", "cut_request", "lose_reply", "cut_reply", "stall", "unavailable", "duplicate", "hang")
STALL_SECONDS = 0.3
# longer than a load waits for an answer
HANG_SECONDS = 60.0
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})

# (number of a request, counted from 1; its URL and the beginning of its body) -> a name of FAULTS, or "" for none
Chooser = Callable[[int, bytes], str]
# called with the number of a request when the server has answered it, before the client gets the answer
Listener = Callable[[int], None]


class FaultyProxy:
    """Forwards requests to a server; ``choose`` names the fault that a request meets.

    reset: the connection is reset, and the server gets nothing.
    unavailable: the client gets status 503, and the server gets nothing.
    cut_request: the server gets half of the body, and the connection is reset.
    duplicate: the server gets the request twice.
    lose_reply: the server answers, and the connection is reset before the client gets the answer.
    cut_reply: the server answers, and the client gets half of the answer.
    stall: the answer comes late by ``STALL_SECONDS``.
    hang: the server answers, the connection stays open, and the client gets nothing.
    """

    def __init__(self, upstream: tuple[str, int], choose: Chooser, finish: Listener = lambda _: None) -> None:
        self.upstream = upstream
        self.choose = choose
        self.finish = finish
        self.request_count = 0
        self.fault_count = 0
        self.has_ended = threading.Event()
        self._lock = threading.Lock()
        self._server = _HttpServer(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.has_ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_fault(self, text: bytes) -> tuple[int, str]:
        """Count a request; return its number and its fault."""
        with self._lock:
            self.request_count += 1
            number = self.request_count
        fault = self.choose(number, text)
        with self._lock:
            self.fault_count += bool(fault)
        return number, fault


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: FaultyProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_POST(self) -> None:
        body = self._read_body()
        number, fault = self.server.proxy.next_fault(self.path.encode() + b"\n" + body[:4096])
        if fault == "unavailable":
            self._reply(503, [("X-ClickHouse-Exception-Code", "202")], b"Code: 202. DB::Exception: busy")
            return
        if fault == "reset":
            self._reset()
            return
        if fault == "cut_request":
            self._send_half(body)
            self._reset()
            return
        try:
            if fault == "duplicate":
                self._forward(body)
            status, headers, content = self._forward(body)
            self.server.proxy.finish(number)
        except (OSError, http.client.HTTPException):
            self._reset()
            return
        if fault == "stall":
            time.sleep(STALL_SECONDS)
        if fault == "hang":
            self.server.proxy.has_ended.wait(HANG_SECONDS)
        if fault in ("lose_reply", "hang"):
            self._reset()
        elif fault == "cut_reply":
            self._reply(status, headers, content, cut=True)
            self._reset()
        else:
            self._reply(status, headers, content)

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write no log."""

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().strip(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _kept_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, self._kept_headers())
            reply = connection.getresponse()
            content = reply.read()
            kept = [(name, value) for name, value in reply.getheaders() if name.lower() not in _HOP_BY_HOP]
            return reply.status, kept, content

    def _send_half(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.putrequest(self.command, self.path)
            for name, value in self._kept_headers().items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[: len(body) // 2])

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False) -> None:
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)

    def _reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

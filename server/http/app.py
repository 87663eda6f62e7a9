"""The HTTP interface as an ASGI application: each request runs one statement and gets one response."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from starlette.types import Receive, Scope, Send

from trailhouse.server.access.credentials import Credentials, Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.sessions import SessionTable
from trailhouse.server.http.authentication import authenticate
from trailhouse.server.http.query_runner import QueryRunner
from trailhouse.server.http.request import parse_request
from trailhouse.server.http.request_body import ClientGoneError, RequestBody, choose_decompressor
from trailhouse.server.http.request_origin import refuse_foreign_origin
from trailhouse.server.http.response import Responder

MAX_URL_BYTES = 1 << 20
_MAX_RUNNING = 128
_MAX_RUNNING_FOR_DASHBOARDS = 8  # statements of the user for dashboards; further ones wait
_MAX_REQUESTS = 512
_SESSION_CHECK_SECONDS = 1.0
_STATEMENT_NICENESS = 5


class Application:
    """The ASGI application of one engine; it also measures for how long no request has run.

    ``allowed_hosts`` are the names that a Host header may contain; None allows any name. With ``sends_late_errors``,
    the error of a query that has returned rows follows the rows; otherwise it replaces them unless they are more than a
    mebibyte.
    """

    def __init__(
        self,
        engine: Engine,
        credentials: Credentials,
        *,
        allowed_hosts: frozenset[str] | None,
        sends_late_errors: bool = False,
    ) -> None:
        self._engine = engine
        self._credentials = credentials
        self._allowed_hosts = allowed_hosts
        self._sends_late_errors = sends_late_errors
        self._executor = ThreadPoolExecutor(_MAX_RUNNING, thread_name_prefix="statement", initializer=_lower_priority)
        self.sessions = SessionTable(engine)
        self._query_ids: set[str] = set()
        self._dashboard_slots = asyncio.Semaphore(_MAX_RUNNING_FOR_DASHBOARDS)
        self._active_count = 0
        self._last_used_at = time.monotonic()
        self._session_closer: asyncio.Task[None] | None = None

    @property
    def idle_seconds(self) -> float:
        """The seconds since the last request ended; 0 while a request runs. Pings do not count as requests."""
        return 0.0 if self._active_count else time.monotonic() - self._last_used_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: a request, or the lifespan of the server."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._session_closer = asyncio.get_running_loop().create_task(self._close_expired_sessions())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._session_closer.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _close_expired_sessions(self) -> None:
        while True:
            await asyncio.sleep(_SESSION_CHECK_SECONDS)
            self.sessions.close_expired()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method, query_string = scope["path"], scope["method"], scope["query_string"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if path in ("/ping", "/replicas_status") or (path == "/" and not query_string and method in ("GET", "HEAD")):
            await _send_ok(send)
            return
        self._active_count += 1
        try:
            await self._answer(path, method, query_string, headers, receive, send)
        finally:
            self._active_count -= 1
            self._last_used_at = time.monotonic()

    async def _answer(
        self, path: str, method: str, query_string: bytes, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        body = RequestBody(receive)
        responder = Responder(send, query_id="", timezone=self._engine.timezone, version=self._engine.version)
        try:
            if path != "/":
                raise ServerError(404, "NOT_FOUND", f"There is no handle {path}", status=404)
            if len(query_string) > MAX_URL_BYTES:
                raise ServerError(161, "QUERY_IS_TOO_LARGE", "The URL is longer than 1 MiB", status=414)
            refuse_foreign_origin(headers, self._allowed_hosts)
            request = parse_request(method, query_string, headers)
            responder.describe_request(request.query_id, sends_progress=request.is_on("send_progress_in_http_headers"))
            _require_length(method, headers)
            role = authenticate(request, self._credentials)
            body = RequestBody(receive, choose_decompressor(request))
            runner = QueryRunner(
                self._engine,
                self._executor,
                self.sessions,
                request,
                role,
                body,
                responder,
                sends_late_errors=self._sends_late_errors,
            )
            slot = self._dashboard_slots if role is Role.DASHBOARDS else contextlib.nullcontext()
            with self._register(request.query_id):
                async with slot:
                    await runner.run()
        except ServerError as error:
            await _answer_error(error, body, responder)
        except ClientGoneError:
            return
        except Exception:
            logging.getLogger(__name__).exception("a request failed inside the server")
            failure = ServerError(1001, "STD_EXCEPTION", "The server failed; its log says how")
            await _answer_error(failure, body, responder)

    @contextlib.contextmanager
    def _register(self, query_id: str) -> Iterator[None]:
        if query_id in self._query_ids:
            raise ServerError(
                216,
                "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
                f"Query with id = {query_id} is already running.",
            )
        if len(self._query_ids) >= _MAX_REQUESTS:
            raise ServerError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries")
        self._query_ids.add(query_id)
        try:
            yield
        finally:
            self._query_ids.remove(query_id)


def _require_length(method: str, headers: dict[str, str]) -> None:
    """Refuse a POST that neither states its length nor is chunked, because its body would be read as empty."""
    if method == "POST" and "content-length" not in headers and "transfer-encoding" not in headers:
        raise ServerError(
            381,
            "HTTP_LENGTH_REQUIRED",
            "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request",
        )


def _lower_priority() -> None:
    """Give this thread, and the threads that the engine starts from it, a lower priority than the event loop's."""
    if sys.platform == "linux":  # on other systems, all threads of a process have the same priority
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _STATEMENT_NICENESS)


async def _answer_error(error: ServerError, body: RequestBody, responder: Responder) -> None:
    if not responder.has_started:
        await body.drain()
    await responder.fail(error)


async def _send_ok(send: Send) -> None:
    headers = [(b"content-type", b"text/html; charset=UTF-8"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Ok.\n"})

"""This module writes the headers and the body of a response, or an error."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Callable

from starlette.types import Send

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.http.request_body import ClientGoneError
from trailhouse.server.http.response_compression import Compressor

KEEP_ALIVE_SECONDS = 30
_SEND_SECONDS = 120.0
_INLINE_COMPRESSION_BYTES = 1 << 16
_HOST = socket.gethostname().encode()
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "ORC": "application/octet-stream",
    "MsgPack": "application/octet-stream",
    "Avro": "application/octet-stream",
    "XML": "application/xml; charset=UTF-8",
}


def content_type(output_format: str | None) -> str:
    """Return ClickHouse's media type for an output format. The format is None if the response has no rows."""
    if output_format is None:
        return "text/plain; charset=UTF-8"
    if output_format.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    return _CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8")


class Responder:
    """Writes the response to one request."""

    def __init__(self, send: Send, *, query_id: str, timezone: str, version: str) -> None:
        self._send = send
        self._version = version
        self._tag = secrets.token_hex(8)
        self._compressor: Compressor | None = None
        self._held_back = b""
        self._sends_progress = False
        self.has_started = False
        self.has_finished = False
        self._headers: list[tuple[bytes, bytes]] = [
            (b"x-clickhouse-server-display-name", _HOST),
            (b"x-clickhouse-query-id", _encode_header(query_id)),
            (b"x-clickhouse-timezone", timezone.encode()),
            (b"x-clickhouse-exception-tag", self._tag.encode()),
            (b"keep-alive", f"timeout={KEEP_ALIVE_SECONDS}".encode()),
        ]

    def describe_request(self, query_id: str, *, sends_progress: bool) -> None:
        """Set the query id that the response's header states, and whether the response has a progress header."""
        self._headers[1] = (b"x-clickhouse-query-id", _encode_header(query_id))
        self._sends_progress = sends_progress

    def use_compressor(self, compressor: Compressor, encoding: str) -> None:
        """Compress the response's body with this compressor, and name the encoding in the headers."""
        self._compressor = compressor
        self._headers.append((b"content-encoding", encoding.encode()))

    async def begin(self, output_format: str | None, statistics: Statistics, *, length: int | None) -> None:
        """Send status 200 and the headers. ``length`` is the uncompressed body's length, or None if it is unknown."""
        summary = format_summary(statistics).encode()
        headers = [
            *self._headers,
            (b"content-type", content_type(output_format).encode()),
            (b"x-clickhouse-summary", summary),
        ]
        if self._sends_progress:
            headers.append((b"x-clickhouse-progress", summary))
        if output_format is not None:
            headers.append((b"x-clickhouse-format", output_format.encode()))
        if length is not None and self._compressor is None:
            headers.append((b"content-length", str(length).encode()))
        self.has_started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Hold a piece of the body back, and send the piece that was held back before it.

        The last rows are therefore sent when the response ends, so that a client that has read all rows can use its
        session again at once. Raises ClientGoneError if the client receives nothing for two minutes.
        """
        if self._compressor is not None:
            data = await self._run_compression(self._compressor.compress, data)
        if data:
            earlier, self._held_back = self._held_back, data
            await self._send_piece(earlier)

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body, and end the response.

        Raises ClientGoneError if the client receives nothing for two minutes.
        """
        if self._compressor is not None:
            data = await self._run_compression(self._compressor.compress, data) if data else b""
            data += await self._run_compression(lambda _: self._finish_compression(), b"")
        self.has_finished = True
        await self._send_piece(self._held_back + data, is_last=True)

    async def fail(self, error: ServerError) -> None:
        """Send an error as the response.

        If the response has begun, the error is the last piece of its body, as in ClickHouse. The response is then not
        ended properly, so that the client notices the failure.
        """
        body = error.format_body(self._version).encode(errors="replace")
        if self.has_started:
            await self.write(self._format_late_error(body))
            await self._send_piece(self._held_back + self._finish_compression())
            return
        headers = [
            *(header for header in self._headers if header[0] != b"content-encoding"),
            (b"content-type", b"text/plain; charset=UTF-8"),
            (b"content-length", str(len(body)).encode()),
            (b"x-clickhouse-exception-code", str(error.code).encode()),
        ]
        if error.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'))
        self.has_started = True
        await self._send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _send_piece(self, data: bytes, *, is_last: bool = False) -> None:
        if not data and not is_last:
            return
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._send({"type": "http.response.body", "body": data, "more_body": not is_last})
        except TimeoutError:
            raise ClientGoneError from None

    def _finish_compression(self) -> bytes:
        return self._compressor.finish() if self._compressor is not None else b""

    def _format_late_error(self, message: bytes) -> bytes:
        tag = self._tag.encode()
        return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag, message, len(message), tag)

    async def _run_compression(self, function: Callable[[bytes], bytes], data: bytes) -> bytes:
        if len(data) < _INLINE_COMPRESSION_BYTES:
            return function(data)
        return await asyncio.get_running_loop().run_in_executor(None, function, data)


def format_summary(statistics: Statistics) -> str:
    """Return the value of the header X-ClickHouse-Summary, a JSON object whose values are strings.

    memory_usage and total_rows_to_read are always "0", because chDB does not report them.
    """
    values = {
        "read_rows": statistics.read_rows,
        "read_bytes": statistics.read_bytes,
        "written_rows": statistics.written_rows,
        "written_bytes": statistics.written_bytes,
        "total_rows_to_read": "0",
        "result_rows": statistics.result_rows or statistics.written_rows,
        "result_bytes": statistics.result_bytes or statistics.written_bytes,
        "elapsed_ns": statistics.elapsed_ns,
        "memory_usage": "0",
    }
    return json.dumps({name: str(value) for name, value in values.items()}, separators=(",", ":"))


def _encode_header(text: str) -> bytes:
    return "".join(character for character in text if " " <= character <= "~").encode()

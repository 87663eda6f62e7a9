"""This module parses a request's URL, form fields and headers into a query, parameters, settings and options."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from trailhouse.server.clickhouse_errors import ServerError

# URL parameters that the server reads itself or ignores. They are not passed to the engine as settings.
_OPTION_NAMES = frozenset(
    {
        "query", "user", "password", "database", "default_format", "session_id", "session_timeout", "session_check",
        "query_id", "quota_key", "compress", "decompress", "buffer_size", "wait_end_of_query",
        "client_protocol_version", "role", "enable_http_compression", "send_progress_in_http_headers",
        "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_MAX_SESSION_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class ExternalOptions:
    """The options NAME_structure, NAME_types and NAME_format, which say how an external table's rows are read."""

    structure: str
    types: str
    format: str


@dataclass
class QueryRequest:
    """A request without its body."""

    method: str
    query: bytes
    parameters: dict[str, str]
    settings: dict[str, str]
    options: dict[str, str]
    roles: list[str]
    headers: Mapping[str, str]
    query_id: str

    @property
    def database(self) -> str | None:
        """The database that the request chooses for its query; None if it chooses no database."""
        return self.options.get("database") or self.headers.get("x-clickhouse-database") or None

    @property
    def default_format(self) -> str:
        """The format of the result if the query itself names no format."""
        return self.options.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"

    @property
    def is_readonly(self) -> bool:
        """Whether the request may only read: its method is not POST, or it sends the setting readonly = 2."""
        return self.method != "POST" or self.settings.get("readonly") == "2"

    @property
    def waits_for_end(self) -> bool:
        """Whether the result is held back until the query has ended.

        The HTTP status then tells whether the query succeeded.
        """
        return self.is_on("wait_end_of_query") or _is_on(self.settings.get("http_wait_end_of_query", "0"))

    @property
    def buffer_bytes(self) -> int | None:
        """The bytes of a result that the request lets the server hold back; None if it leaves the number to the server.

        Raises ServerError 72 if the request gives no whole number.
        """
        text = self.options.get("buffer_size") or self.settings.get("http_response_buffer_size") or "0"
        if not _WHOLE_NUMBER.fullmatch(text):
            raise ServerError(72, "CANNOT_PARSE_NUMBER", f"Cannot parse buffer_size: '{text}'")
        return int(text) or None

    @property
    def session_timeout_seconds(self) -> float:
        """How long the session stays open after this query.

        Raises ServerError 374 if the timeout in the request is not a number or is longer than one hour.
        """
        text = self.options.get("session_timeout", "60")
        if not text.isdigit():
            raise ServerError(374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{text}'")
        if int(text) > _MAX_SESSION_TIMEOUT_SECONDS:
            raise ServerError(
                374,
                "INVALID_SESSION_TIMEOUT",
                f"Session timeout '{text}' is larger than max_session_timeout: {_MAX_SESSION_TIMEOUT_SECONDS}. "
                "Maximum session timeout could be modified in configuration file.",
            )
        return float(text)

    def is_on(self, option: str) -> bool:
        """Return whether a boolean option is switched on."""
        return _is_on(self.options.get(option, "0"))

    def add_field(self, name: str, value: bytes) -> None:
        """Add a field of the URL or of a form to the request.

        The name of the field decides whether it is a part of the query, a parameter, an option or a setting. Raises
        ServerError 115 if the name is invalid.
        """
        text = _decode(value)
        if name == "query":
            self.query += value
        elif name.startswith("param_"):
            self.parameters[name.removeprefix("param_")] = text
        elif name == "role":
            self.roles.append(text)
        elif name in _OPTION_NAMES:
            self.options[name] = text
        elif _SETTING_NAME.fullmatch(name):
            self.settings[name] = text
        else:
            raise ServerError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")

    def take_external_options(self, name: str) -> ExternalOptions:
        """Remove the options of the external table ``name`` from the settings, and return them."""
        return ExternalOptions(
            structure=self.settings.pop(f"{name}_structure", ""),
            types=self.settings.pop(f"{name}_types", ""),
            format=self.settings.pop(f"{name}_format", "TabSeparated"),
        )


def parse_request(method: str, query_string: bytes, headers: Mapping[str, str]) -> QueryRequest:
    """Parse a URL's query string and the headers. Raises ServerError 115 if the name of a field is invalid."""
    request = QueryRequest(method, b"", {}, {}, {}, [], headers, "")
    for part in query_string.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            request.add_field(_decode(unquote_to_bytes(name)), unquote_to_bytes(value))
    given = request.options.get("query_id") or headers.get("x-clickhouse-query-id")
    request.query_id = " ".join((given or "").split()) or str(uuid.uuid4())
    return request


def _is_on(value: str) -> bool:
    return value.lower() in ("1", "true")


def _decode(value: bytes) -> str:
    return value.decode(errors="surrogateescape")

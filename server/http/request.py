"""What a request asks for: its query, parameters, settings, session and who sends it."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from trailhouse.server.errors import ServerError

# names the HTTP layer reads itself; the engine would reject or misread them
_TRANSPORT_NAMES = frozenset(
    {
        "query", "user", "password", "database", "default_format", "session_id", "session_timeout",
        "session_check", "close_session", "query_id", "quota_key", "compress", "decompress", "buffer_size",
        "wait_end_of_query", "client_protocol_version", "role", "stacktrace", "enable_http_compression",
        "http_zlib_compression_level", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "http_wait_end_of_query", "http_response_buffer_size", "add_http_cors_header",
        "http_native_compression_disable_checksumming_on_decompress", "http_write_exception_in_output_format",
        "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_EXTERNAL_NAME = re.compile(r"(.+)_(structure|types|format)")
_MAX_SESSION_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Authentication:
    """The user and password a request carries; ``is_given`` is False where it carries none."""

    user: str
    password: str = field(repr=False)
    is_given: bool


@dataclass
class QueryRequest:
    """Everything about a request but its body."""

    method: str
    query: bytes
    parameters: dict[str, str]
    settings: dict[str, str]
    options: dict[str, str]
    roles: list[str]
    external_options: dict[str, dict[str, str]]
    headers: Mapping[str, str]
    query_id: str

    @property
    def database(self) -> str | None:
        """The database to use for this query."""
        return self.options.get("database") or self.headers.get("x-clickhouse-database") or None

    @property
    def default_format(self) -> str:
        """The format of a result whose query names none."""
        return self.options.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"

    @property
    def is_readonly_method(self) -> bool:
        """Every method but POST implies readonly."""
        return self.method != "POST"

    @property
    def waits_for_end(self) -> bool:
        """Whether the whole result is held back until its status is known."""
        return self.is_on("wait_end_of_query") or self.is_on("http_wait_end_of_query")

    @property
    def session_timeout_seconds(self) -> float:
        """How long the session outlives this query. Raises ServerError beyond an hour."""
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
        """Whether a boolean option is switched on."""
        return self.options.get(option, "0").lower() in ("1", "true")

    def absorb_field(self, name: str, value: bytes) -> None:
        """Take a form field: the query, a query parameter, or anything a URL could say."""
        if name == "query":
            self.query = self.query + value
        else:
            self._absorb(name, value)

    def absorb_external_options(self, names: set[str]) -> None:
        """Take back the NAME_structure, NAME_types and NAME_format that belong to external tables."""
        for setting in list(self.settings):
            found = _EXTERNAL_NAME.fullmatch(setting)
            if found and found[1] in names:
                self.external_options.setdefault(found[1], {})[found[2]] = self.settings.pop(setting)

    def _absorb(self, name: str, value: bytes) -> None:
        if name.startswith("param_"):
            self.parameters[name.removeprefix("param_")] = _decode(value)
        elif name == "role":
            self.roles.append(_decode(value))
        elif name in _TRANSPORT_NAMES:
            self.options[name] = _decode(value)
        elif _SETTING_NAME.fullmatch(name):
            self.settings[name] = _decode(value)
        else:
            raise ServerError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")


def parse_request(method: str, query_string: bytes, headers: Mapping[str, str]) -> QueryRequest:
    """The request in a URL's query string and headers. Raises ServerError 115 for an impossible name."""
    request = QueryRequest(method, b"", {}, {}, {}, [], {}, headers, "")
    for part in query_string.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            request.absorb_field(_decode(unquote_to_bytes(name)), unquote_to_bytes(value))
    given = request.options.get("query_id") or headers.get("x-clickhouse-query-id")
    request.query_id = " ".join(given.split()) if given else str(uuid.uuid4())
    return request


def read_authentication(request: QueryRequest) -> Authentication:
    """Who sends the request. Raises ServerError 516 where it says so in two ways, or names no user."""
    headers = request.headers
    ways = []
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        ways.append((headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")))
    if "authorization" in headers:
        ways.append(_read_basic(headers["authorization"]))
    if "user" in request.options or "password" in request.options:
        ways.append((request.options.get("user", "default"), request.options.get("password", "")))
    if len(ways) > 1:
        raise ServerError(
            516,
            "AUTHENTICATION_FAILED",
            "Invalid authentication: it is not allowed to use two of X-ClickHouse HTTP headers, "
            "Authorization HTTP header and authentication via parameters simultaneously",
        )
    if not ways:
        return Authentication("default", "", is_given=False)
    if not ways[0][0]:
        raise ServerError(516, "AUTHENTICATION_FAILED", "Invalid authentication: the user name is empty")
    return Authentication(*ways[0], is_given=True)


def _read_basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ServerError(
            516,
            "AUTHENTICATION_FAILED",
            f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported",
        )
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        raise ServerError(516, "AUTHENTICATION_FAILED", "Invalid authentication: malformed Basic credentials")
    return user, password


def _decode(value: bytes) -> str:
    return value.decode(errors="surrogateescape")

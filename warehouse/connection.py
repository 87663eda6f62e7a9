"""This module opens connections to the warehouse, which is the embedded server or a ClickHouse server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3 import Timeout

from trailhouse.errors import RefusedError, UnreachableError, UsageError

CONNECT_TIMEOUT_SECONDS = 10
QUERY_TIMEOUT_SECONDS = 3600
# Timeout of statements that a server answers at once. With QUERY_TIMEOUT_SECONDS instead, a load would hang for an hour
# if the network drops all packets.
PROMPT_TIMEOUT_SECONDS = 25


@dataclass(frozen=True)
class WarehouseAddress:
    """Server, database and user of a warehouse: everything that a client, dbt or a dashboard needs to connect."""

    host: str
    port: int
    user: str
    database: str
    password: str = field(default="", repr=False)
    is_secure: bool = False
    cluster: str = ""
    is_readonly: bool = False
    """Whether every statement carries the setting readonly = 2, with which the server lets a user only read."""

    @classmethod
    def parse(cls, url: str, database: str, user: str = "", password: str = "", cluster: str = "") -> WarehouseAddress:
        """Parse a URL ``http[s]://[user[:password]@]host[:port]``.

        If ``user`` or ``password`` is given, it replaces the user or password in the URL.

        ``cluster`` is the ClickHouse cluster on which tables are created; empty for a single server.

        Raises UsageError if the URL is not http or https, has no host, or has a port that is not a number.
        """
        parts = urlsplit(url)
        hint = "write it as http://host:8123 or https://user@host:8443"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"the warehouse URL {redact_url(url)!r} is not an http(s) URL", hint)
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"the warehouse URL {redact_url(url)!r} has a port that is not a number", hint) from error
        is_secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=port or (8443 if is_secure else 8123),
            user=user or unquote(parts.username or "") or "default",
            database=database,
            password=password or unquote(parts.password or ""),
            is_secure=is_secure,
            cluster=cluster,
        )

    @property
    def url(self) -> str:
        """The URL of the server without user and password, for messages."""
        return f"{'https' if self.is_secure else 'http'}://{self.host}:{self.port}"


def redact_url(url: str) -> str:
    """Return the URL without its user and password, so that it can be printed. The URL may lack its scheme."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def connect(address: WarehouseAddress, *, needs_database: bool = True) -> Client:
    """Open a client of the warehouse. Threads must not share a client.

    The client uses no ClickHouse session, because a server runs only one query of a session at a time.

    Raises UnreachableError if no server answers, and RefusedError if the server refuses the user. If ``needs_database``
    is True, also raises RefusedError if the database does not exist.
    """
    try:
        client = clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            database=address.database if needs_database else "__default__",
            secure=address.is_secure,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            send_receive_timeout=PROMPT_TIMEOUT_SECONDS,
            autogenerate_session_id=False,
            settings={"readonly": 2} if address.is_readonly else {},
        )
    except (OperationalError, DatabaseError, ClickHouseError) as error:
        raise explain_refusal(address, error) from error
    _wait_at_most(client, QUERY_TIMEOUT_SECONDS)
    return client


@contextlib.contextmanager
def answering_promptly(client: Client) -> Iterator[None]:
    """Make every statement in the block fail if its answer takes longer than PROMPT_TIMEOUT_SECONDS.

    The block is meant for inserts and for statements on staging tables and the ledger, which are answered at once. Long
    queries inside the block use ``answering_patiently``. Other threads must not use the client, because the timeout is
    set on the client.
    """
    with _answering_within(client, PROMPT_TIMEOUT_SECONDS):
        yield


@contextlib.contextmanager
def answering_patiently(client: Client) -> Iterator[None]:
    """Allow each statement in the block QUERY_TIMEOUT_SECONDS, for long queries inside ``answering_promptly``."""
    with _answering_within(client, QUERY_TIMEOUT_SECONDS):
        yield


@contextlib.contextmanager
def _answering_within(client: Client, seconds: float) -> Iterator[None]:
    previous = _wait_at_most(client, seconds)
    try:
        yield
    finally:
        cast(HttpClient, client).timeout = previous


def _wait_at_most(client: Client, seconds: float) -> Timeout:
    http_client = cast(HttpClient, client)
    previous = http_client.timeout
    http_client.timeout = Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=seconds)
    return previous


def explain_refusal(address: WarehouseAddress, error: Exception) -> UnreachableError:
    """Return the error to show to the user after a connection failed.

    The error says whether the database is missing, the user was refused, the certificate is not trusted, or no server
    answers.
    """
    text = str(error)
    if "UNKNOWN_DATABASE" in text:
        return RefusedError(
            f"the warehouse at {address.url} has no database {address.database!r}", "run `trailhouse init`"
        )
    if any(name in text for name in ("AUTHENTICATION_FAILED", "REQUIRED_PASSWORD", "WRONG_PASSWORD")):
        return RefusedError(
            f"the warehouse at {address.url} refused user {address.user!r}",
            "set TRAILHOUSE_WAREHOUSE_USER and TRAILHOUSE_WAREHOUSE_PASSWORD",
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return RefusedError(
            f"the certificate of the warehouse at {address.url} is not trusted",
            "set SSL_CERT_FILE to the certificate of the authority that signed it",
        )
    return UnreachableError(
        f"no warehouse answers at {address.url}",
        "start it, or unset TRAILHOUSE_WAREHOUSE_URL to use the embedded server",
    )


def read_row(client: Client, query: str, parameters: Mapping[str, object] | None = None) -> tuple[Any, ...]:
    """Run a query and return the only row of its result; raises RuntimeError if there is not exactly one row."""
    rows = client.query(query, parameters=dict(parameters or {})).result_rows
    if len(rows) != 1:
        raise RuntimeError(f"expected one row, got {len(rows)}: {query}")
    return tuple(rows[0])


def as_text(value: str | bytes) -> str:
    """Return the text of a FixedString column, which the client returns as bytes."""
    return value.decode() if isinstance(value, bytes) else value

"""Authentication: read the user and password of a request, and find the user's role."""

from __future__ import annotations

import base64
import binascii

from trailhouse.server.access.credentials import Credentials, Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.request import QueryRequest

_MAX_SHOWN_NAME = 64


def authenticate(request: QueryRequest, credentials: Credentials) -> Role:
    """Return the role of the request's user.

    Raises ServerError 194 (status 401) if the request names no user. Raises ServerError 516 (status 403) if the user
    or password is wrong, or if the request gives them in more than one way.
    """
    user, password = _read_user(request)
    role = credentials.find_role(user, password)
    if role is None:
        shown = "".join(character for character in user if character.isprintable())[:_MAX_SHOWN_NAME]
        raise _refuse(f"{shown}: Authentication failed: password is incorrect, or there is no user with such name.")
    return role


def _read_user(request: QueryRequest) -> tuple[str, str]:
    """Return the user and password from ClickHouse's headers, the Authorization header or the URL.

    Raises ServerError if none of these three gives a user, or if more than one of them does.
    """
    headers, options = request.headers, request.options
    ways = []
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        ways.append((headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")))
    if "authorization" in headers:
        ways.append(_read_basic(headers["authorization"]))
    if "user" in options or "password" in options:
        ways.append((options.get("user", "default"), options.get("password", "")))
    if len(ways) > 1:
        raise _refuse(
            "Invalid authentication: it is not allowed to use two of X-ClickHouse HTTP headers, "
            "Authorization HTTP header and authentication via parameters simultaneously"
        )
    if not ways:
        text = "default: Authentication failed: password is required for this server's users"
        raise ServerError(194, "REQUIRED_PASSWORD", text)
    if not ways[0][0]:
        raise _refuse("Invalid authentication: the user name is empty")
    return ways[0]


def _read_basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _refuse(f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        raise _refuse("Invalid authentication: malformed Basic credentials")
    return user, password


def _refuse(text: str) -> ServerError:
    return ServerError(516, "AUTHENTICATION_FAILED", text)

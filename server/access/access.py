"""Who may ask: the user's role, and requests that a browser was tricked into sending."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from trailhouse.server.access.credentials import Credentials, Role
from trailhouse.server.errors import ServerError
from trailhouse.server.http.request import QueryRequest, read_authentication

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def authenticate(request: QueryRequest, credentials: Credentials) -> Role:
    """The role of the request's user. Raises ServerError 194 (401) without credentials, 516 (403) for wrong ones."""
    given = read_authentication(request)
    if not given.is_given:
        raise ServerError(
            194, "REQUIRED_PASSWORD", "default: Authentication failed: password is required for this server's users"
        )
    role = credentials.find_role(given.user, given.password)
    if role is None:
        shown = "".join(character for character in given.user if character.isprintable())[:64]
        raise ServerError(
            516,
            "AUTHENTICATION_FAILED",
            f"{shown}: Authentication failed: password is incorrect, or there is no user with such name.",
        )
    return role


def refuse_foreign_origin(headers: Mapping[str, str], allowed_hosts: frozenset[str] | None) -> None:
    """Refuse what a web page elsewhere sends through the user's browser. Raises ServerError (403).

    A page under a name of its own that resolves to loopback (DNS rebinding) shows in Host; a page that posts
    across origins shows in Origin and Sec-Fetch-Site. ``allowed_hosts`` None allows any Host.
    """
    host = _host_name(headers.get("host", ""))
    if allowed_hosts is not None and host not in allowed_hosts:
        raise ServerError(497, "ACCESS_DENIED", "The Host header names another server", status=403)
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise ServerError(497, "ACCESS_DENIED", "Requests from other origins are refused", status=403)
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise ServerError(497, "ACCESS_DENIED", "Requests from other sites are refused", status=403)


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()

"""This module refuses requests that the user's browser sends on behalf of a web page of another site."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from trailhouse.server.clickhouse_errors import ServerError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def refuse_foreign_origin(headers: Mapping[str, str], allowed_hosts: frozenset[str] | None) -> None:
    """Raise ServerError 497 (status 403) if a page of another site may have sent the request.

    An attacker may let the host name of a page resolve to the loopback address (DNS rebinding). The Host header then
    holds this name, which is not in ``allowed_hosts``. The headers Origin and Sec-Fetch-Site reveal a page of another
    origin. If ``allowed_hosts`` is None, any Host is allowed.
    """
    host = headers.get("host", "")
    if allowed_hosts is not None and _read_host_name(host) not in allowed_hosts:
        raise _refuse("The Host header names another server")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise _refuse("Requests from other origins are refused")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise _refuse("Requests from other sites are refused")


def _read_host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _refuse(text: str) -> ServerError:
    return ServerError(497, "ACCESS_DENIED", text, status=403)

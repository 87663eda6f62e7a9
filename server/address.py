"""This module checks, binds and formats the address that the server listens on."""

from __future__ import annotations

import errno
import ipaddress
import socket
from pathlib import Path

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.access.credentials import Role, password_path

_MAX_PORT = 65535


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the host and the port.

    Raises UnreachableError if another program uses the port. Raises UsageError if the port is outside 0 .. 65535, or
    if the server cannot listen on the address, for example because it is not an address of this machine.
    """
    if not 0 <= port <= _MAX_PORT:
        raise UsageError(f"there is no port {port}", f"name one from 0 (any free one) to {_MAX_PORT}")
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # IPPROTO_TCP is stated, because asyncio disables Nagle's algorithm only for sockets created with this protocol
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UnreachableError(
                f"port {port} on {host} is in use by another program", "stop it, or serve on another port"
            ) from error
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}", "name an address of this machine"
        ) from error
    return listener


def format_url(host: str, port: int) -> str:
    """Return the URL of a server at this host and port. An IPv6 address is put in brackets."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether the host is a loopback address, which only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_open_address(directory: Path, host: str) -> None:
    """Raise UsageError if other machines can reach the address ``host`` and a password file does not exist yet."""
    if is_loopback(host):
        return
    missing = [path for role in Role if not (path := password_path(directory, role)).exists()]
    if missing:
        raise UsageError(
            f"serving on {host} opens the warehouse to the network, and {missing[0]} does not exist",
            "write all password files (mode 600) first, or serve on 127.0.0.1",
        )

"""The addresses that a server listens on."""

from __future__ import annotations

import socket

import httpx
import pytest

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.access.credentials import Role, password_path
from trailhouse.server.address import bind, format_url, is_loopback, refuse_open_address
from trailhouse.server.serve import serve


def can_connect(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def test_the_server_listens_on_one_loopback_address_only(server):
    # every Linux machine has the address 127.0.0.2, at which a server on 0.0.0.0 would answer too
    with bind("0.0.0.0", 0) as open_to_all:
        open_to_all.listen()
        if not can_connect("127.0.0.2", open_to_all.getsockname()[1]):
            pytest.skip("this system has one loopback address only")
    port = httpx.URL(server.url).port
    assert can_connect("127.0.0.1", port)
    assert not can_connect("127.0.0.2", port)


def test_an_open_address_needs_passwords_written_beforehand(tmp_path):
    with pytest.raises(UsageError, match="opens the warehouse to the network"):
        serve(tmp_path / "new", "0.0.0.0", 0)
    assert not (tmp_path / "new" / "metadata").exists()


def test_each_password_file_has_to_be_there(tmp_path):
    refuse_open_address(tmp_path, "127.0.0.1")
    for role in Role:
        password_path(tmp_path, role).write_text("x")
    for missing in Role:
        password_path(tmp_path, missing).unlink()
        with pytest.raises(UsageError, match=f"{missing}.password"):
            refuse_open_address(tmp_path, "0.0.0.0")
        password_path(tmp_path, missing).write_text("x")
    refuse_open_address(tmp_path, "0.0.0.0")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.5.5.5", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("example.org", False), ("localhost.example", False),
    ],
)  # fmt: skip
def test_loopback_is_known_by_its_addresses_and_one_name(host, expected):
    assert is_loopback(host) is expected


def test_a_url_has_brackets_around_an_address_of_ipv6():
    assert format_url("127.0.0.1", 1) == "http://127.0.0.1:1"
    assert format_url("::1", 8123) == "http://[::1]:8123"


def test_a_port_in_use_is_named_and_one_that_was_just_free_can_be_had():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(UnreachableError, match=f"port {port} on 127.0.0.1 is in use"):
            bind("127.0.0.1", port)
    bind("127.0.0.1", port).close()
    for wrong in (-1, 65536):
        with pytest.raises(UsageError, match=f"there is no port {wrong}"):
            bind("127.0.0.1", wrong)
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 0)

"""Addresses of warehouses, and the errors if one does not answer."""

import socket
from dataclasses import replace

import pytest

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.warehouse.connection import WarehouseAddress, connect


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8124", ("localhost", 8124, "default", "", False)),
        ("http://db", ("db", 8123, "default", "", False)),
        ("https://db", ("db", 8443, "default", "", True)),
        ("https://ann:p%40ss@db:9443", ("db", 9443, "ann", "p@ss", True)),
    ],
)
def test_an_address_is_read_from_its_url(url, expected):
    address = WarehouseAddress.parse(url, "trailhouse")
    assert (address.host, address.port, address.user, address.password, address.is_secure) == expected


def test_user_and_password_settings_win_over_the_url():
    address = WarehouseAddress.parse("http://ann:old@db", "trailhouse", user="bob", password="new")
    assert (address.user, address.password) == ("bob", "new")


@pytest.mark.parametrize("url", ["clickhouse://db", "db:8123", "http://", "http://db:port"])
def test_a_malformed_url_is_refused_without_showing_its_password(url):
    with pytest.raises(UsageError) as refusal:
        WarehouseAddress.parse(url.replace("//", "//ann:secret@"), "trailhouse")
    assert "secret" not in str(refusal.value)


def test_an_address_never_shows_its_password():
    address = WarehouseAddress.parse("http://ann:secret@db", "trailhouse")
    assert "secret" not in repr(address)
    assert "secret" not in address.url


def test_a_warehouse_that_does_not_answer_is_named():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"no warehouse answers at http://127.0.0.1:{port}"):
        connect(WarehouseAddress.parse(f"http://127.0.0.1:{port}", "trailhouse"))


def test_a_missing_database_says_to_run_init(empty_address):
    with pytest.raises(UnreachableError, match="trailhouse init"):
        connect(empty_address)


def test_a_wrong_password_is_said_to_be_refused(address):
    with pytest.raises(UnreachableError, match="refused user"):
        connect(replace(address, password="wrong"))

"""How long statements may take, and rows of which there must be one; a stand-in replaces the client."""

from types import SimpleNamespace

import pytest
from urllib3 import Timeout

from trailhouse.warehouse import connection
from trailhouse.warehouse.connection import (
    WarehouseAddress,
    answering_patiently,
    answering_promptly,
    as_text,
    connect,
    explain_refusal,
    read_row,
    redact_url,
)

ADDRESS = WarehouseAddress("db", 8443, "ann", "trailhouse", "secret", is_secure=True)


def read_timeouts(client) -> tuple[float, float]:
    return client.timeout.connect_timeout, client.timeout.read_timeout


@pytest.fixture
def opened(monkeypatch) -> dict:
    """The options with which a client is opened; the client is under ``client``."""
    options = {"client": SimpleNamespace(timeout=Timeout(connect=1, read=2))}
    monkeypatch.setattr(
        connection.clickhouse_connect, "get_client", lambda **given: options.update(given) or options["client"]
    )
    return options


def test_a_connection_is_opened_promptly_and_its_queries_may_take_an_hour(opened):
    client = connect(ADDRESS)
    assert read_timeouts(client) == (10, 3600)
    assert (opened["connect_timeout"], opened["send_receive_timeout"]) == (10, 25)
    assert (opened["host"], opened["port"], opened["secure"], opened["database"]) == ("db", 8443, True, "trailhouse")
    assert opened["autogenerate_session_id"] is False
    connect(ADDRESS, needs_database=False)
    assert opened["database"] == "__default__"


def test_the_time_limits_of_a_block_end_with_it_even_after_an_error(opened):
    client = connect(ADDRESS)
    with answering_promptly(client):
        assert read_timeouts(client) == (10, 25)
        with answering_patiently(client):
            assert read_timeouts(client) == (10, 3600)
        assert read_timeouts(client) == (10, 25)
    assert read_timeouts(client) == (10, 3600)

    def fail() -> None:
        with answering_promptly(client):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert read_timeouts(client) == (10, 3600)


@pytest.mark.parametrize("rows", [[], [(1,), (2,)]])
def test_a_query_for_one_row_returns_just_one(rows):
    asked = []

    def query(text: str, parameters: dict) -> SimpleNamespace:
        asked.append((text, parameters))
        return SimpleNamespace(result_rows=rows)

    client = SimpleNamespace(query=query)
    with pytest.raises(RuntimeError, match=f"expected one row, got {len(rows)}: select 1"):
        read_row(client, "select 1")
    rows[:] = [[3, "x"]]
    assert read_row(client, "select 2", {"p": 1}) == (3, "x")
    assert asked[-1] == ("select 2", {"p": 1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Code: 81. (UNKNOWN_DATABASE)", "the warehouse at https://db:8443 has no database 'trailhouse'"),
        ("Code: 516. (AUTHENTICATION_FAILED)", "the warehouse at https://db:8443 refused user 'ann'"),
        ("(REQUIRED_PASSWORD)", "refused user"),
        ("(WRONG_PASSWORD)", "refused user"),
        ("SSL: CERTIFICATE_VERIFY_FAILED", "the certificate of the warehouse at https://db:8443 is not trusted"),
        ("Connection refused", "no warehouse answers at https://db:8443"),
    ],
)
def test_a_refusal_is_explained(text, message):
    error = explain_refusal(ADDRESS, ValueError(text))
    assert message in error.message
    assert error.hint
    assert "secret" not in f"{error.message} {error.hint}"


def test_urls_are_shown_without_user_and_password():
    assert redact_url("https://ann:secret@db:1/x") == "https://db:1/x"
    assert redact_url("ann:p@ss@db") == redact_url("db") == "db"


@pytest.mark.parametrize(
    ("address", "url"), [(ADDRESS, "https://db:8443"), (WarehouseAddress("db", 1, "", ""), "http://db:1")]
)
def test_the_url_of_an_address_has_its_scheme(address, url):
    assert address.url == url


def test_fixed_strings_are_returned_as_text():
    assert (as_text(b"ab"), as_text("ab")) == ("ab", "ab")

"""Authentication: users, passwords, and the three ways to send them."""

from __future__ import annotations

import httpx
import pytest

from tests.support.credentials import basic, invalid_queries, list_wrong_credentials
from trailhouse.server.access.credentials import Credentials, Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.authentication import authenticate
from trailhouse.server.http.request import parse_request

_CREDENTIALS = Credentials("secret", "reading", "charting")


def send(server, headers=None, params=None, query="SELECT 1") -> httpx.Response:
    return httpx.post(server.url, headers=headers, params=params, content=query)


def find_role(headers: dict[str, str] | None = None, url: bytes = b"") -> Role:
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return authenticate(parse_request("POST", url, lower), _CREDENTIALS)


@pytest.mark.parametrize("user", ["admin", "reader"])
def test_each_way_of_giving_the_password_works(server, user):
    password = dict([server.admin, server.reader])[user]
    assert send(server, basic(user, password)).text == "1\n"
    assert send(server, {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}).text == "1\n"
    assert send(server, params={"user": user, "password": password}).text == "1\n"


def test_no_password_is_401_and_says_how_to_give_one(server):
    answer = send(server)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (401, "194")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_no_wrong_mixed_or_empty_credentials_get_in(server):
    wrong = list_wrong_credentials(server.admin[1], server.reader[1])
    assert len(wrong) >= 60
    for headers, params in wrong:
        answer = send(server, headers, params)
        assert answer.status_code in (401, 403), (headers, params)
        assert server.admin[1] not in answer.text
        assert answer.text != "1\n"
    for query in invalid_queries(server.admin[1]):
        assert httpx.post(f"{server.url}/?{query}", content="SELECT 1").status_code in (401, 403), query


def test_the_role_is_that_of_the_user_whose_password_was_given():
    assert find_role(basic("admin", "secret")) is Role.ADMIN
    assert find_role(basic("reader", "reading")) is Role.READER
    any_case = {"Authorization": basic("admin", "secret")["Authorization"].replace("Basic", "bAsIc")}
    assert find_role(any_case) is Role.ADMIN
    assert find_role({"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "reading"}) is Role.READER
    assert find_role(url=b"user=admin&password=secret") is Role.ADMIN


@pytest.mark.parametrize(
    ("headers", "url", "code"),
    [
        ({}, b"", 194),
        ({}, b"query=SELECT+1", 194),
        (basic("admin", "reading"), b"", 516),
        (basic("reader", "secret"), b"", 516),
        (basic("default", ""), b"", 516),
        (basic("", "secret"), b"", 516),
        ({"X-ClickHouse-User": "admin"}, b"", 516),
        ({"X-ClickHouse-Key": "secret"}, b"", 516),
        ({}, b"password=secret", 516),
        ({}, b"user=admin", 516),
        ({"Authorization": "Bearer secret"}, b"", 516),
        ({"Authorization": "Basic YWRtaW4="}, b"", 516),  # no colon
        ({"Authorization": "Basic !"}, b"", 516),
        (basic("admin", "secret"), b"user=admin", 516),
        (basic("admin", "secret"), b"password=secret", 516),
        (basic("admin", "secret") | {"X-ClickHouse-User": "admin"}, b"", 516),
        (basic("admin", "secret") | {"X-ClickHouse-Key": "secret"}, b"", 516),
        ({"X-ClickHouse-User": "admin", "X-ClickHouse-Key": "secret"}, b"user=admin&password=secret", 516),
    ],
)
def test_every_other_way_is_refused(headers, url, code):
    with pytest.raises(ServerError) as caught:
        find_role(headers, url)
    assert caught.value.code == code
    assert "secret" not in caught.value.text


def test_an_unknown_name_is_shown_in_part_and_without_control_characters():
    with pytest.raises(ServerError) as caught:
        find_role({"X-ClickHouse-User": "a\x1b" + "b" * 70, "X-ClickHouse-Key": "secret"})
    assert caught.value.text.startswith(f"a{'b' * 63}: Authentication failed")


def test_a_password_without_a_user_in_the_url_is_that_of_the_user_default():
    with pytest.raises(ServerError, match=r"^default: Authentication failed"):
        find_role(url=b"password=secret")

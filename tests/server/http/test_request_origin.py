"""The server refuses requests that a foreign web page makes a browser send."""

from __future__ import annotations

import httpx
import pytest

from tests.support.credentials import basic
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.request_origin import LOOPBACK_NAMES, refuse_foreign_origin


def send(server, headers) -> httpx.Response:
    return httpx.post(server.url, headers=basic(*server.admin) | headers, content="SELECT 1")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]:80"]
)
def test_a_host_header_of_another_name_is_refused(server, host):
    assert send(server, {"Host": host}).status_code == 403


def test_loopback_by_any_of_its_names_is_served(server):
    port = httpx.URL(server.url).port
    for host in [f"127.0.0.1:{port}", f"localhost:{port}", "localhost", f"[::1]:{port}", "[::1]", "LocalHost"]:
        assert send(server, {"Host": host}).text == "1\n"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_requests_from_other_sites_are_refused(server, headers):
    assert send(server, headers).status_code == 403


def test_a_page_of_the_server_itself_may_ask(server):
    assert send(server, {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}).text == "1\n"


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ({"host": "server.example:1"}, True),
        ({"host": "server.example:1", "origin": "http://server.example:1"}, True),
        ({"host": "Server.example:1", "origin": "http://sERVER.example:1"}, True),
        ({"host": "server.example:1", "origin": "http://server.example:2"}, False),
        ({"host": "server.example:1", "origin": "http://server.example"}, False),
        ({"host": "server.example", "sec-fetch-site": "none"}, True),
        ({"host": "server.example", "sec-fetch-site": "same-site"}, False),
        ({}, True),
    ],
)
def test_a_server_open_to_the_network_has_any_name_but_one_origin(headers, is_allowed):
    if is_allowed:
        refuse_foreign_origin(headers, None)
    else:
        with pytest.raises(ServerError) as caught:
            refuse_foreign_origin(headers, None)
        assert caught.value.status == 403
    with pytest.raises(ServerError):
        refuse_foreign_origin(headers, LOOPBACK_NAMES)

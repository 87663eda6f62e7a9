"""Parsing of URLs and headers into queries, parameters, options and settings."""

from __future__ import annotations

import uuid

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http.request import ExternalOptions, QueryRequest, parse_request


def parse(url: bytes, method: str = "POST", **headers: str) -> QueryRequest:
    return parse_request(method, url, {name.replace("_", "-"): value for name, value in headers.items()})


def test_each_name_of_a_url_is_query_parameter_option_role_or_setting():
    request = parse(
        b"query=SELECT+%7Ba%3AInt8%7D&&param_a=1%092&param_=x&role=r&role=s&database=d&compress=0&max_threads=2&a.b=3&&"
    )
    assert request.query == b"SELECT {a:Int8}"
    assert request.parameters == {"a": "1\t2", "": "x"}
    assert request.roles == ["r", "s"]
    assert request.options == {"database": "d", "compress": "0"}
    assert request.settings == {"max_threads": "2", "a.b": "3"}


def test_values_may_have_signs_of_their_own_and_bytes_that_are_no_text():
    request = parse(b"param_a=b=c%26d&param_%ff=%fe&flag&query=a&query=%20b")
    assert request.parameters == {"a": "b=c&d", "\udcff": "\udcfe"}
    assert request.settings == {"flag": ""}
    assert request.query == b"a b"


@pytest.mark.parametrize("name", [b"no%20setting", b"1a", b"a-b", b"", b"a%00", b"%ff"])
def test_a_name_that_can_be_no_setting_is_refused(name):
    with pytest.raises(ServerError) as caught:
        parse(name + b"=1")
    assert (caught.value.code, caught.value.status) == (115, 404)


def test_urls_win_over_headers():
    headers = {"x_clickhouse_database": "h", "x_clickhouse_format": "CSV", "x_clickhouse_query_id": "i"}
    plain, named, full = (
        parse(b""),
        parse(b"", **headers),
        parse(b"database=d&default_format=XML&query_id=j", **headers),
    )
    assert [request.database for request in (plain, named, full)] == [None, "h", "d"]
    assert [request.default_format for request in (plain, named, full)] == ["TabSeparated", "CSV", "XML"]
    assert [request.query_id for request in (named, full)] == ["i", "j"]
    assert uuid.UUID(plain.query_id).version == 4
    assert parse(b"").query_id != plain.query_id
    assert uuid.UUID(parse(b"query_id=%20%0a").query_id).version == 4  # an empty id would be that of internal queries
    assert parse(b"query_id=+a%0a+b%09").query_id == "a b"  # line ends would break the header and the log comment


def test_only_post_may_write():
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "post"]
    assert [method for method in methods if not parse(b"", method).is_readonly] == ["POST"]
    assert [value for value in ("0", "1", "2") if parse(b"readonly=" + value.encode(), "POST").is_readonly] == ["2"]


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("TRUE", True), ("0", False), ("", False), ("2", False)]
)
def test_a_flag_is_on_when_it_is_one_or_true(value, expected):
    request = parse(f"wait_end_of_query={value}&session_check={value}".encode())
    assert (request.waits_for_end, request.is_on("session_check")) == (expected, expected)
    assert not parse(b"").waits_for_end


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("60", 60), ("3600", 3600)])
def test_a_session_lasts_up_to_an_hour(text, seconds):
    assert parse(f"session_timeout={text}".encode()).session_timeout_seconds == seconds
    assert parse(b"").session_timeout_seconds == 60


@pytest.mark.parametrize("text", ["3601", "-1", "x", "1.5", ""])
def test_another_timeout_is_refused(text):
    with pytest.raises(ServerError) as caught:
        _ = parse(f"session_timeout={text}".encode()).session_timeout_seconds
    assert caught.value.code == 374


def test_the_options_of_external_tables_are_no_settings():
    request = parse(b"a_structure=x+Int8&a_format=CSV&b_types=Int8&b_b_format=TSV&max_threads=1")
    assert request.take_external_options("a") == ExternalOptions("x Int8", "", "CSV")
    assert request.take_external_options("b") == ExternalOptions("", "Int8", "TabSeparated")
    assert request.settings == {"b_b_format": "TSV", "max_threads": "1"}
    assert request.take_external_options("b_b").format == "TSV"

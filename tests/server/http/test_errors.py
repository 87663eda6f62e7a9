"""Errors: their status, code and text, before and after the body has begun."""

from __future__ import annotations

import contextlib

import httpx
import pytest


def ask(client: httpx.Client, query: str | bytes, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        (b"SELECT \xb5 FROM", 400, "62"),
        (b"EXPLAIN \xb5", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT nothing", 404, "47"),
        ("SELECT no_function()", 404, "46"),
        ("SELECT * FROM nowhere.at_all", 404, "81"),
        ("SELECT 1 FORMAT Nothing", 404, "73"),
        ("SELECT 1 FORMAT Template", 500, "474"),
        ("SELECT 1 + 'a'", 400, "43"),
        ("SELECT toInt32('a')", 400, "6"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT sleep(2) SETTINGS max_execution_time = 0.1", 408, "159"),
        (
            "SELECT count() FROM (SELECT number FROM numbers(100000000) GROUP BY number) "
            "SETTINGS max_memory_usage = 10000000, max_bytes_ratio_before_external_group_by = 0",
            500,
            "241",
        ),
    ],
)
def test_errors_have_clickhouses_status_and_code(http, query, status, code):
    answer = ask(http, query)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.count("DB::Exception") == 1
    assert answer.text.rstrip().endswith("(version 26.9.2.1)")
    assert "/dev/fd" not in answer.text
    assert "X-ClickHouse-Format" not in answer.headers


def test_a_late_error_ends_the_body_with_the_tagged_block_and_no_end(server):
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) FORMAT TabSeparated"
    pieces = []
    with httpx.stream("POST", server.url, auth=server.admin, content=query) as answer:
        assert answer.status_code == 200
        with contextlib.suppress(httpx.RemoteProtocolError):
            pieces.extend(answer.iter_bytes())
            pytest.fail("the body had an end")
        tag = answer.headers["X-ClickHouse-Exception-Tag"]
    body = b"".join(pieces).decode()
    block = body[body.index(f"\r\n__exception__\r\n{tag}\r\n") :]
    message = block.removeprefix(f"\r\n__exception__\r\n{tag}\r\n").removesuffix(f" {tag}\r\n__exception__\r\n")
    message, _, length = message.rpartition("\n")
    assert message.startswith("Code: 395. DB::Exception: ")
    assert message.count("DB::Exception") == 1
    assert len(message) + 1 == int(length)


def test_waiting_for_the_end_makes_the_status_true(http):
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) FORMAT TabSeparated"
    answer = ask(http, query, wait_end_of_query="1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "395")

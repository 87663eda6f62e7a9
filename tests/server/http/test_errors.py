"""Errors: their status, code and text, before and after the body has begun."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time

import httpx
import pytest

from trailhouse.server.access.credentials import read_credentials


def ask(client: httpx.Client, query: str | bytes, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        (b"SELECT \xb5 FROM", 400, "62"),
        (b"EXPLAIN \xb5", 400, "62"),
        ("OPTIMIZE TABEL x", 400, "62"),
        ("EXPLAIN SELECT 1 2", 400, "62"),
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
    assert "formatQuery" not in answer.text
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


_LATE = "SELECT number, throwIf(number = 90000) FROM numbers(100000) SETTINGS max_block_size = 1000, max_threads = 1"


def read_until_cut(http: httpx.Client, query: str, **params) -> tuple[int, str]:
    """Return the status of the answer, and its body up to its end or to the point at which the server cuts it off."""
    pieces = []
    with (
        http.stream("POST", "/", params=params, content=query) as answer,
        contextlib.suppress(httpx.RemoteProtocolError),
    ):
        pieces.extend(answer.iter_bytes())
    return answer.status_code, b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("options", "is_late"),
    [
        ({}, False),
        ({"buffer_size": "0"}, False),
        ({"buffer_size": "1"}, True),
        ({"http_response_buffer_size": "1"}, True),
        ({"buffer_size": "1000"}, True),
        ({"buffer_size": "1000000"}, False),
        ({"buffer_size": "1", "wait_end_of_query": "1"}, False),
        ({"buffer_size": "1", "http_wait_end_of_query": "1"}, False),
    ],
)
def test_an_error_after_rows_replaces_them_unless_the_request_lets_the_server_hold_back_less(http, options, is_late):
    status, body = read_until_cut(http, _LATE, **options)
    assert status == (200 if is_late else 500)
    assert body.startswith("0\t0\n1\t0\n" if is_late else "Code: 395.")
    assert "Code: 395." in body
    assert ("__exception__" in body) is is_late


def test_a_query_that_fails_without_rows_has_its_own_status(http):
    assert ask(http, "SELECT throwIf(1)", buffer_size="1").status_code == 500
    for size in ("many", "-1", "1.5", "9" * 5000, "\u0663"):
        assert ask(http, "SELECT 1", buffer_size=size).headers["X-ClickHouse-Exception-Code"] == "72"


def test_a_result_larger_than_the_buffer_comes_whole_with_the_right_length(http):
    for size in ("1", "3000000"):
        answer = ask(http, "SELECT number FROM numbers(300000)", buffer_size=size)
        assert answer.text == "".join(f"{number}\n" for number in range(300000))
    held = ask(http, "SELECT number FROM numbers(300000)", buffer_size="3000000")
    assert held.headers["Content-Length"] == str(len(held.content))
    small = ask(http, "SELECT 1", buffer_size="1")
    assert (small.headers["Content-Length"], json.loads(small.headers["X-ClickHouse-Summary"])["result_rows"]) == (
        "2",
        "1",
    )


def test_a_server_that_sends_late_errors_sends_the_rows_before_the_error(tmp_path):
    command = [
        sys.executable,
        "-m",
        "trailhouse.server",
        str(tmp_path / "warehouse"),
        "--port",
        "0",
        "--errors-after-rows",
    ]
    process = subprocess.Popen(command)
    try:
        record = tmp_path / "warehouse" / "server.json"
        deadline = time.monotonic() + 60
        while not record.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        user = ("admin", read_credentials(tmp_path / "warehouse").admin_password)
        with httpx.Client(base_url=json.loads(record.read_text())["url"], auth=user) as http:
            assert read_until_cut(http, _LATE)[0] == 200
            assert read_until_cut(http, _LATE, wait_end_of_query="1")[0] == 500
    finally:
        process.terminate()
        process.wait(30)

"""What a client may rely on, request by request."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_needs_no_password(server, path, method):
    answer = httpx.request(method, server.url + path)
    assert (answer.status_code, answer.text) == (200, "Ok.\n" if method == "GET" else "")


def test_an_unknown_path_is_not_found(http):
    assert http.get("/nowhere?query=select+1").status_code == 404


@pytest.mark.parametrize(
    ("in_url", "in_body"),
    [("SELECT 1 + 1", ""), ("", "SELECT 1 + 1"), ("SELECT", "1 + 1"), ("SELECT 1 +", "\n1 -- and a comment")],
)
def test_the_query_is_the_url_and_then_the_body(http, in_url, in_body):
    params = {"query": in_url} if in_url else {}
    assert http.post("/", params=params, content=in_body).text == "2\n"


@pytest.mark.parametrize(
    ("query", "options", "headers", "output_format", "body"),
    [
        ("SELECT 1 AS x", {}, {}, "TabSeparated", "1\n"),
        ("SELECT 1 AS x", {"default_format": "JSONEachRow"}, {}, "JSONEachRow", '{"x":1}\n'),
        ("SELECT 1 AS x", {}, {"X-ClickHouse-Format": "CSV"}, "CSV", "1\n"),
        ("SELECT 1 AS x FORMAT TSVWithNames", {"default_format": "CSV"}, {}, "TSVWithNames", "x\n1\n"),
        ("SELECT 1 AS x FORMAT CSV SETTINGS max_threads = 1;", {}, {}, "CSV", "1\n"),
        ("SELECT 1 AS x SETTINGS max_threads = 1 FORMAT CSV", {}, {}, "CSV", "1\n"),
        ("SELECT 1 AS x SETTINGS max_threads = 1", {}, {}, "TabSeparated", "1\n"),
        ("SELECT format('{}', 'a') AS format", {}, {}, "TabSeparated", "a\n"),
        ("SELECT 'FORMAT CSV' AS x /* FORMAT JSON */ -- FORMAT XML", {}, {}, "TabSeparated", "FORMAT CSV\n"),
        ("EXISTS DATABASE system FORMAT CSV", {}, {}, "CSV", "1\n"),
        ("SHOW TABLES FROM system LIKE 'one'", {}, {}, "TabSeparated", "one\n"),
    ],
)
def test_the_format_clause_wins_over_the_url_and_that_over_the_header(
    http, query, options, headers, output_format, body
):
    answer = http.post("/", params=options, headers=headers, content=query)
    assert (answer.text, answer.headers["X-ClickHouse-Format"]) == (body, output_format)


def test_a_statement_without_a_result_set_names_no_format(http):
    answer = ask(http, "CREATE DATABASE IF NOT EXISTS nothing_to_show")
    assert answer.status_code == 200
    assert "X-ClickHouse-Format" not in answer.headers


def test_several_statements_are_refused(http):
    answer = ask(http, "SELECT 1; SELECT 2")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")
    assert ask(http, "SELECT ';' ; -- the end;\n").text == ";\n"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_every_method_but_post_only_reads(http, table, method):
    for statement in [f"INSERT INTO {table} VALUES (1, 'x')", f"DROP TABLE {table}", "KILL QUERY WHERE 1"]:
        for session in [{}, {"session_id": f"readonly-{method}"}]:
            answer = http.request(method, "/", params={"query": statement, **session})
            assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    for escape in ["SELECT 1 SETTINGS readonly = 0", "SELECT 1 FORMAT CSV SETTINGS readonly = 0"]:
        for session in [{}, {"session_id": f"readonly-{method}"}]:
            answer = http.request(method, "/", params={"query": escape, **session})
            assert "164" in answer.text
    assert http.request(method, "/", params={"query": "SELECT 1"}).text == "1\n"
    assert ask(http, f"INSERT INTO {table} VALUES (1, 'x')", session_id=f"readonly-{method}").status_code == 200


def test_parameters_are_in_escaped_form(http):
    assert ask(http, "SELECT {x:Int32} + 1, {s:String}", param_x="4", param_s="a\\tb'").text == "5\ta\\tb\\'\n"
    assert "457" in ask(http, "SELECT {x:String}", param_x="a\tb").headers["X-ClickHouse-Exception-Code"]
    assert ask(http, "SELECT {x:String}").headers["X-ClickHouse-Exception-Code"] == "456"


def test_parameters_reach_inserts_and_definitions(http):
    assert (
        ask(http, "CREATE OR REPLACE TABLE {t:Identifier} (a Int) ENGINE = Memory", param_t="named").status_code == 200
    )
    assert ask(http, "INSERT INTO {t:Identifier} FORMAT CSV\n7\n", param_t="named").status_code == 200
    assert ask(http, "SELECT * FROM {t:Identifier}", param_t="named").text == "7\n"


def test_every_other_url_parameter_is_a_setting(http):
    assert ask(http, "SELECT getSetting('max_block_size')", max_block_size="1234").text == "1234\n"
    unknown = ask(http, "SELECT 1", no_such_setting="1")
    assert (unknown.status_code, unknown.headers["X-ClickHouse-Exception-Code"]) == (404, "115")
    assert ask(http, "SELECT 1", **{"no such setting": "1"}).status_code == 404


def test_settings_of_one_request_are_gone_in_the_next(http):
    for session in [{}, {"session_id": "settings"}]:
        before = ask(http, "SELECT getSetting('max_block_size')", **session).text
        ask(http, "EXPLAIN SELECT 1", max_block_size="1234", **session)
        ask(http, "SELECT 1", max_block_size="1234", **session)
        assert ask(http, "SELECT getSetting('max_block_size')", **session).text == before


def test_a_session_keeps_its_settings_database_and_temporary_tables(http):
    session = {"session_id": str(uuid.uuid4())}
    ask(http, "SET max_block_size = 777", **session)
    ask(http, "USE system", **session)
    ask(http, "CREATE TEMPORARY TABLE kept AS SELECT 7 AS x", **session)
    assert ask(http, "SELECT getSetting('max_block_size'), currentDatabase(), x FROM kept", **session).text == (
        "777\tsystem\t7\n"
    )
    assert ask(http, "SELECT x FROM kept").status_code == 404


def test_a_session_of_one_user_is_not_another_users(http, reader_http):
    ask(http, "CREATE TEMPORARY TABLE mine AS SELECT 7 AS x", session_id="shared")
    assert ask(reader_http, "SELECT * FROM mine", session_id="shared").status_code == 404


def test_a_session_runs_one_query_at_a_time(http):
    session = {"session_id": "busy"}
    slow = threading.Thread(target=ask, args=(http, "SELECT sleep(1)"), kwargs=session)
    slow.start()
    time.sleep(0.3)
    assert ask(http, "SELECT 1", **session).headers["X-ClickHouse-Exception-Code"] == "373"
    slow.join()
    assert ask(http, "SELECT 1", **session).text == "1\n"


def test_a_session_ends_when_its_time_is_over(http):
    assert ask(http, "SELECT 1", session_id="never", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"
    ask(http, "SELECT 1", session_id="short", session_timeout="1")
    assert ask(http, "SELECT 1", session_id="short", session_check="1", session_timeout="1").text == "1\n"
    time.sleep(2.6)
    assert ask(http, "SELECT 1", session_id="short", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"
    assert ask(http, "SELECT 1", session_id="long", session_timeout="3601").status_code == 500


def test_the_query_id_is_echoed_or_made(http):
    assert ask(http, "SELECT 1", query_id="my id").headers["X-ClickHouse-Query-Id"] == "my id"
    assert uuid.UUID(ask(http, "SELECT 1").headers["X-ClickHouse-Query-Id"])
    assert ask(http, "SELEC", query_id="failed").headers["X-ClickHouse-Query-Id"] == "failed"


def test_kill_query_knows_the_clients_query_ids(http):
    answers = []
    slow = threading.Thread(
        target=lambda: answers.append(
            ask(http, "SELECT sum(sleep(0.1)) FROM numbers(600) SETTINGS max_block_size = 1", query_id="slow-one")
        )
    )
    started = time.monotonic()
    slow.start()
    time.sleep(0.5)
    assert "216" in ask(http, "SELECT 1", query_id="slow-one").headers["X-ClickHouse-Exception-Code"]
    killed = ask(http, "KILL QUERY WHERE query_id = 'slow-one' SYNC")
    slow.join()
    assert killed.status_code == 200
    assert time.monotonic() - started < 20
    assert answers[0].headers["X-ClickHouse-Exception-Code"] == "394"


@pytest.mark.parametrize("settings", ["", ", log_comment = 'of my own'"])
def test_a_client_that_leaves_ends_its_query(http, server, settings):
    name = uuid.uuid4().hex
    query = f"SELECT sum(sleep(0.1)) AS t{name} FROM numbers(6000) SETTINGS max_block_size = 1{settings}"
    running = f"SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum%t{name}%'"

    def abandon() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url, auth=server.admin, timeout=1.5, content=query)

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(abandon)
        wait_for_answer(http, running, "1\n")
        leaving.result()
    wait_for_answer(http, running, "0\n")


def wait_for_answer(http, query, answer):
    deadline = time.monotonic() + 10
    while (seen := ask(http, query).text) != answer:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT nothing", 404, "47"),
        ("SELECT no_function()", 404, "46"),
        ("SELECT * FROM nowhere.at_all", 404, "81"),
        ("SELECT 1 FORMAT Nothing", 404, "73"),
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
    assert answer.text.rstrip().endswith("(version 26.9.2.1)")
    assert "/dev/fd" not in answer.text
    assert "X-ClickHouse-Format" not in answer.headers


def test_the_summary_counts_what_was_read_and_written(http, table):
    written = json.loads(
        ask(http, f"INSERT INTO {table} SELECT number, 'x' FROM numbers(1000)").headers["X-ClickHouse-Summary"]
    )
    assert written["written_rows"] == "1000"
    read = json.loads(ask(http, f"SELECT sum(a), any(b) FROM {table}").headers["X-ClickHouse-Summary"])
    assert (read["read_rows"], read["result_rows"]) == ("1000", "1")
    assert all(isinstance(value, str) for value in read.values())


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
    assert len(message) + 1 == int(length)


def test_waiting_for_the_end_makes_the_status_true(http):
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) FORMAT TabSeparated"
    answer = ask(http, query, wait_end_of_query="1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "395")


def test_a_large_result_that_waits_for_its_end_comes_whole(http):
    answer = ask(http, "SELECT number, repeat('x', 90) FROM numbers(1000000)", wait_end_of_query="1")
    assert (answer.headers["Content-Length"], answer.content.count(b"\n")) == (str(len(answer.content)), 1000000)


def test_a_head_request_runs_the_query_and_has_no_body(http):
    answer = http.head("/", params={"query": "SELECT 1"})
    assert (answer.status_code, answer.content, answer.headers["X-ClickHouse-Format"]) == (200, b"", "TabSeparated")


def test_form_fields_carry_the_query_and_its_parameters(http):
    answer = http.post("/", files={"query": (None, "SELECT {x:Int32} * 2"), "param_x": (None, "21")})
    assert answer.text == "42\n"


def test_external_tables_are_seen_by_their_query_only(http, reader_http):
    for client in [http, reader_http]:
        for session in [{}, {"session_id": "external"}]:
            answer = client.post(
                "/",
                params={
                    "query": "SELECT sum(a), max(b) FROM one, two",
                    "one_structure": "a Int32",
                    "one_format": "CSV",
                    "two_types": "Int32, Array(String)",
                    **session,
                },
                files={"one": ("one.csv", b"1\n2\n"), "two": ("two.tsv", b"1\t['x']\n")},
            )
            assert answer.status_code == 404  # columns of NAME_types are called _1, _2
            answer = client.post(
                "/",
                params={
                    "query": "SELECT sum(a), max(_2) FROM one, two",
                    "one_structure": "a Int32",
                    "one_format": "CSV",
                    "two_types": "Int32, Array(String)",
                    **session,
                },
                files={"one": ("one.csv", b"1\n2\n"), "two": ("two.tsv", b"1\t['x']\n")},
            )
            assert answer.text == "3\t['x']\n"
            assert ask(client, "SELECT * FROM one", **session).status_code == 404


def test_a_database_can_be_named_in_url_or_header(http):
    assert ask(http, "SELECT currentDatabase()", database="system").text == "system\n"
    answer = http.post("/", headers={"X-ClickHouse-Database": "system"}, content="SELECT currentDatabase()")
    assert answer.text == "system\n"
    assert ask(http, "SELECT currentDatabase()").text == "default\n"
    assert ask(http, "SELECT 1", database="nowhere").status_code == 404


def test_roles_are_unknown(http):
    assert ask(http, "SELECT 1", role="boss").status_code == 404


def test_a_body_of_unknown_length_is_read(http):
    assert http.post("/", content=iter([b"SELECT", b" 4", b"2"])).text == "42\n"


def test_a_failed_insert_reads_the_rest_of_the_body_and_keeps_the_connection(http):
    rows = (b"1\n" * 100000 for _ in range(20))
    answer = http.post("/", params={"query": "INSERT INTO nowhere FORMAT CSV"}, content=rows)
    assert answer.status_code == 404
    assert ask(http, "SELECT 1").text == "1\n"


def test_a_compressed_error_is_readable(http):
    answer = http.post(
        "/", params={"enable_http_compression": "1"}, headers={"Accept-Encoding": "gzip"}, content="SELEC"
    )
    assert answer.text.startswith("Code: 62.")
    body = gzip.compress(b"SELECT 1")
    assert http.post("/", headers={"Content-Encoding": "gzip"}, content=body).text == "1\n"


@pytest.mark.parametrize("row_count", [2, 300000])
def test_rows_that_the_engine_refuses_when_it_stores_them_are_not_acknowledged(http, row_count):
    ask(http, "CREATE OR REPLACE TABLE parted (a Int64) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a")
    rows = "".join(f"{number}\n" for number in range(row_count))
    insert = {"query": "INSERT INTO parted FORMAT CSV", "max_partitions_per_insert_block": "1"}
    refused = http.post("/", params=insert, content=rows)
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "252")
    assert ask(http, "SELECT count() FROM parted").text == "0\n"
    assert ask(http, "DROP TABLE parted").status_code == 200


def test_an_insert_whose_client_leaves_stores_nothing(server, http, table):
    with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=server.url, auth=server.admin) as client:

        def rows():
            yield b"1\tx\n" * 1000
            time.sleep(0.2)
            raise httpx.WriteError("gone")

        client.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV"}, content=rows())
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    deadline = time.monotonic() + 20
    while ask(http, running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(http, f"SELECT count() FROM {table}").text == "0\n"

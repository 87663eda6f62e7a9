"""Where the server reads the query, its format, parameters, settings and database."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "name", ["x", "_1", "1a", "$x$", "$1", "a$", "a$$b", "a$b$c", "select", "FORMAT", "settings", "X"]
)
def test_every_parameter_name_that_the_engine_accepts_is_accepted(http, table, name):
    session = {"session_id": "parameter names"}
    query = f"SELECT {{{name}:String}} AS a SETTINGS log_comment = 'one'"
    for options in ({}, session):
        answer = ask(http, query, **options, **{f"param_{name}": "it's"}, log_comment="$x$ $a$ $1$")
        assert answer.text == "it\\'s\n", answer.text
    assert ask(http, f"SET param_{name} = '7'", **session).status_code == 200
    assert ask(http, f"SELECT {{{name}:Int32}} FORMAT CSV", **session).text == "7\n"
    insert = f"INSERT INTO {table} (a, b) VALUES ({{{name}:Int64}}, 'b')"
    assert ask(http, insert, **{f"param_{name}": "5"}).status_code == 200
    assert ask(http, f"SELECT a FROM {table} WHERE a = {{{name}:Int64}}", **{f"param_{name}": "5"}).text == "5\n"
    into = f"INSERT INTO {{{name}:Identifier}} FORMAT CSV\n6,c\n"
    assert ask(http, into, **{f"param_{name}": table}).status_code == 200


@pytest.mark.parametrize("name", ["1", "$", "$$", "x y", "a.b", "`x`", "é"])
def test_other_parameter_names_are_a_syntax_error(http, name):
    answer = ask(http, f"SELECT {{{name}:Int32}}", **{f"param_{name}": "1"})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


@pytest.mark.parametrize("option", ["log_comment", "query_id", "format_csv_null_representation"])
def test_a_value_of_the_url_never_closes_a_tag_of_the_statement(http, option):
    value = "$x$ , file('/etc/passwd') --"
    for statement in (
        "SELECT 1 AS a, $x$",
        "SELECT {$x$:Int32}",
        "EXPLAIN SELECT $x$",
        "INSERT INTO nowhere SELECT $x$",
    ):
        for session in ({}, {"session_id": "tags"}):
            answer = ask(http, statement, **{option: value}, **session)
            assert answer.headers["X-ClickHouse-Exception-Code"] in ("47", "60", "456"), answer.text
    assert ask(http, "SELECT {$x$:Int32}", **{"param_$x$": "5", option: "$x$"}).text == "5\n"


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


def test_a_head_request_runs_the_query_and_has_no_body(http):
    answer = http.head("/", params={"query": "SELECT 1"})
    assert (answer.status_code, answer.content, answer.headers["X-ClickHouse-Format"]) == (200, b"", "TabSeparated")


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

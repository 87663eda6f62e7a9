"""Multipart requests: the query and its parameters as fields, external tables as files."""

from __future__ import annotations

import httpx
import pytest


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


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
            assert answer.status_code == 404  # `two_types` gives no names, so the columns are _1 and _2
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


def send(client: httpx.Client, query: str, rows: bytes, **params) -> httpx.Response:
    return client.post("/", params={"query": query, **params}, files={"extra": ("extra", rows)})


@pytest.mark.parametrize("session", [{}, {"session_id": "external settings"}])
@pytest.mark.parametrize("user", ["http", "reader_http"])
@pytest.mark.parametrize(
    ("settings", "input_format", "rows"),
    [
        ({"format_csv_delimiter": ";"}, "CSV", b"1;x\n2;\\N\n"),
        ({"format_tsv_null_representation": "NA"}, "TSV", b"1\tx\n2\tNA\n"),
        ({"format_csv_null_representation": "NA"}, "CSV", b"1,x\n2,NA\n"),
        ({"input_format_allow_errors_num": "1"}, "TSV", b"1\tx\nbad\ty\n2\t\\N\n"),
        ({"input_format_skip_unknown_fields": "1"}, "JSONEachRow", b'{"a":1,"b":"x","c":0}\n{"a":2,"b":null}\n'),
        ({"input_format_csv_skip_first_lines": "1"}, "CSV", b"a,b\n1,x\n2,\\N\n"),
        (
            {"format_custom_field_delimiter": "|", "format_custom_escaping_rule": "CSV"},
            "CustomSeparated",
            b"1|x\n2|\\N\n",
        ),
    ],
)
def test_the_settings_of_the_request_say_how_the_rows_are_read(
    request, table, session, user, settings, input_format, rows
):
    client = request.getfixturevalue(user)
    options = {"extra_structure": "a Int32, b Nullable(String)", "extra_format": input_format}
    query = "SELECT a, b FROM extra ORDER BY a FORMAT JSONEachRow"
    for _ in range(2):
        assert send(client, query, rows, **options, **settings, **session).text == '{"a":1,"b":"x"}\n{"a":2,"b":null}\n'
    answer = ask(
        client, "SELECT getSetting('format_csv_delimiter'), getSetting('input_format_allow_errors_num')", **session
    )
    assert answer.text == ",\t0\n"


def test_a_setting_of_the_session_says_how_the_rows_are_read(http):
    session = {"session_id": "external, set before"}
    ask(http, "SET format_csv_delimiter = ';', session_timezone = 'Asia/Tokyo'", **session)
    options = {"extra_structure": "a Int32, b DateTime", "extra_format": "CSV"}
    answer = send(http, "SELECT a, toUnixTimestamp(b) FROM extra", b"1;1970-01-01 09:00:05\n", **options, **session)
    assert answer.text == "1\t5\n"


@pytest.mark.parametrize("user", ["http", "reader_http"])
@pytest.mark.parametrize("session", [{}, {"session_id": "external errors"}])
@pytest.mark.parametrize(
    ("options", "rows", "code"),
    [
        ({"extra_structure": "a Int32", "extra_format": "CSV"}, b"1\nbad\n", "117"),
        ({"extra_structure": "a Int32", "extra_format": "CSV"}, b"1\n" * 2000000 + b"bad\n", "117"),
        ({"extra_structure": "a Int32", "extra_format": "Values"}, b"(1), (upper('x'))", "344"),
        ({"extra_structure": "a Int32", "extra_format": "Values"}, b"(\xb5\xff)", "62"),
        ({"extra_structure": "a Nothingness", "extra_format": "CSV"}, b"1\n", "50"),
        ({"extra_structure": "a Int32", "extra_format": "Nothing"}, b"1\n", "73"),
        ({"extra_structure": "a Int32", "no_such_setting": "1"}, b"1\n", "115"),
    ],
)
def test_a_bad_external_table_is_the_error_and_leaves_nothing_behind(request, user, session, options, rows, code):
    client = request.getfixturevalue(user)
    for _ in range(2):
        answer = send(client, "SELECT sum(a) FROM extra", rows, **options, **session)
        assert answer.headers["X-ClickHouse-Exception-Code"] == code, answer.text
        assert "/dev/fd" not in answer.text
        assert ask(client, "SELECT sum(a) FROM extra", **session).headers["X-ClickHouse-Exception-Code"] == "60"
        good = send(client, "SELECT sum(a) FROM extra", b"1\n2\n", extra_structure="a Int32", **session)
        assert good.text == "3\n"


def test_a_temporary_table_of_the_session_is_not_dropped_for_an_external_table_of_its_name(http):
    session = {"session_id": "external and temporary"}
    ask(http, "CREATE TEMPORARY TABLE extra AS SELECT 7 AS a", **session)
    answer = send(http, "SELECT a FROM extra", b"1\n", extra_structure="a Int32", **session)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "57"
    assert ask(http, "SELECT a FROM extra", **session).text == "7\n"

"""The SETTINGS clause of an INSERT."""

from __future__ import annotations

import httpx


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_an_insert_takes_settings_before_its_rows(http, table):
    for statement in (
        f"INSERT INTO {table} SETTINGS input_format_allow_errors_num = 1 FORMAT CSV\n1,a\nwrong\n2,b\n",
        f"INSERT INTO {table} (a, b) SETTINGS max_threads = 1, log_comment = 'x' VALUES (3, upper('c'))",
        f"INSERT INTO {table} (a, b) SETTINGS max_threads = 1 FORMAT Values (4, 'd')",
    ):
        answer = ask(http, statement)
        assert answer.status_code == 200, answer.text
    assert ask(http, f"SELECT a, b FROM {table} ORDER BY a").text == "1\ta\n2\tb\n3\tC\n4\td\n"
    refused = ask(http, f"INSERT INTO {table} SETTINGS max_insert_threads = 'many' FORMAT CSV\n1,a\n")
    assert refused.status_code == 400
    assert "/dev/fd" not in refused.text
    assert "infile" not in refused.text.lower()


def test_settings_of_an_insert_do_not_make_its_many_rows_sql(http, table, tmp_path):
    canary = tmp_path / "canary.txt"
    canary.write_text("the canary")
    rows = "(0, 'x')," * 600_000 + f"(1, file('{canary}'))"
    answer = ask(
        http,
        f"INSERT INTO {table} (a, b) SETTINGS input_format_values_interpret_expressions = 1 VALUES {rows}",
    )
    assert answer.status_code != 200
    assert ask(http, f"SELECT countIf(b = 'the canary') FROM {table}").text == "0\n"


def test_a_statement_may_not_hide_behind_a_log_comment_of_its_own(http, table):
    answer = ask(http, f"INSERT INTO {table} SELECT 1, 'a' SETTINGS log_comment = 'mine'")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "452"
    assert ask(http, f"INSERT INTO {table} SELECT 1, 'a'", log_comment="mine").status_code == 200

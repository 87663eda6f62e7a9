"""SQL that would reach the server's files, other hosts or more rights is refused by the running server."""

from __future__ import annotations

import os

import pytest

from tests.support.forbidden_sql import CANARY, PARAMETERS, generate_statements


@pytest.fixture
def untrusted_table(http):
    http.post("/", content="CREATE OR REPLACE TABLE victim (x String) ENGINE = MergeTree ORDER BY x")
    http.post("/", content="INSERT INTO victim VALUES ('one')")
    yield
    http.post("/", content="DROP TABLE victim")


@pytest.mark.parametrize("user", ["http", "reader_http"])
def test_no_forbidden_statement_succeeds(request, user, http, untrusted_table, tmp_path):
    statements = generate_statements(tmp_path)
    assert len(statements) >= 500
    succeeded = []
    for statement in statements:
        answer = request.getfixturevalue(user).post("/", params=PARAMETERS, content=statement.encode())
        if answer.status_code == 200 or CANARY in answer.text:
            succeeded.append(statement)
    assert succeeded == []
    assert os.listdir(tmp_path) == ["canary.txt"]
    assert http.post("/", content="SELECT count(), any(x) FROM victim").text == "1\tone\n"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO victim VALUES ('x')",
        "INSERT INTO victim FORMAT CSV\nx\n",
        "INSERT INTO victim SELECT 'x'",
        "DROP TABLE victim",
        "TRUNCATE TABLE victim",
        "OPTIMIZE TABLE victim FINAL",
        "ALTER TABLE victim DELETE WHERE 1",
        "DELETE FROM victim WHERE 1",
        "CREATE TABLE made (x Int) ENGINE = Memory",
        "CREATE DATABASE made",
        "CREATE VIEW made AS SELECT 1",
        "RENAME TABLE victim TO other",
        "DETACH TABLE victim",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "SET readonly = 1",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 FORMAT CSV SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_threads = 1, readonly = 0",
        "EXPLAIN SELECT 1 SETTINGS readonly = 0",
    ],
)
@pytest.mark.parametrize("session", [{}, {"session_id": "victim"}])
def test_the_reader_cannot_write_or_become_a_writer(reader_http, http, untrusted_table, statement, session):
    for settings in [{}, {"readonly": "0"}, {"readonly": "2"}, {"readonly": "1"}]:
        answer = reader_http.post("/", params={**session, **settings}, content=statement)
        assert answer.headers.get("X-ClickHouse-Exception-Code") in ("164", "497"), answer.text
    assert http.post("/", content="SELECT count() FROM victim").text == "1\n"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'INTO OUTFILE'",
        "SELECT 'file', \"a\" FROM (SELECT 1 AS a) -- file('x')",
        "SELECT t.file FROM (SELECT 1 AS t)",
        "SELECT engine FROM system.tables WHERE engine = 'File' LIMIT 0",
        "SELECT 1 AS evaluated",
        "SELECT 'disk(1)' AS `python x`",
        "SELECT * FROM numbers(1)",
        "SELECT * FROM zeros(1)",
        "SELECT * FROM generateRandom('a Int') LIMIT 1",
        "SELECT * FROM generate_series(1, 2)",
        "SELECT * FROM values('a Int', 1)",
        "SELECT * FROM view(SELECT 1)",
        "SELECT * FROM merge('system', '^one$')",
        "SELECT formatQuery('select 1')",
        "SELECT format('{} of {}', toString(number), 'file') FROM numbers(1)",
        "SELECT format($${}$$, 1)",
        "SELECT count() AS format FROM numbers(2) FORMAT Values",
        "SELECT * FROM values('a Int, b String', (1, 'the default'), (2, upper('x')))",
        "SELECT * FROM values(1, 2)",
        "SELECT * FROM VALUES((NULL, -1.5), (2, 3))",
        "SELECT 1 WHERE 1 IN (SELECT * FROM values('x UInt8', 1))",
        "SELECT * FROM generateRandom() LIMIT 0",
        "SELECT * FROM null('x Int')",
        "SELECT ifNull(NULL, (1)), nullIf(1, 2), mapValues(map('a', 1))",
        "EXPLAIN AST INSERT INTO t VALUES (now())",
    ],
)
def test_harmless_statements_that_look_like_it_are_let_through(http, statement):
    answer = http.post("/", content=statement)
    assert answer.status_code == 200 or "t.file" in statement, answer.text


@pytest.mark.parametrize(
    ("structure", "row_format", "rows"),
    [
        ("x String", "Values", "(file('{canary}'))"),
        ("x String", "values", "(concat(file('{canary}'), ''))"),
        ("a UInt8, x String DEFAULT file('{canary}')", "CSV", "1"),
        ("a UInt8, x String DEFAULT `f\\x69le`('{canary}')", "CSV", "1"),
        ("x String) ENGINE = File(CSV, '{canary}'", "CSV", "1"),
        ("x String", "CSV SETTINGS input_format_values_interpret_expressions = 1", "1"),
        (
            "x String",
            "Values SETTINGS input_format_values_interpret_expressions = 1 FORMAT Values",
            "(file('{canary}'))",
        ),
    ],
)
def test_an_external_table_reads_no_file_of_the_server(reader_http, tmp_path, structure, row_format, rows):
    canary = tmp_path / "canary.txt"
    canary.write_text(CANARY)
    answer = reader_http.post(
        "/",
        params={
            "query": "SELECT * FROM ext",
            "ext_structure": structure.format(canary=canary),
            "ext_format": row_format,
        },
        files={"ext": ("ext", rows.format(canary=canary))},
    )
    assert answer.status_code != 200, answer.text
    assert CANARY not in answer.text


def test_an_external_table_of_literals_in_the_values_format_is_read(reader_http):
    answer = reader_http.post(
        "/",
        params={"query": "SELECT sum(a), any(x) FROM ext", "ext_structure": "a Int8, x String", "ext_format": "Values"},
        files={"ext": ("ext", "(1, 'file'), (-3, 'file')")},
    )
    assert answer.text == "-2\tfile\n"

"""The clauses of a statement, and how the statement is run."""

from __future__ import annotations

import time

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.statement import QUERY_ID_EXPRESSION, Kind, parse_statement


def split(text: str) -> tuple[str, str | None, str]:
    statement = parse_statement(text.encode())
    assert statement.kind is Kind.RESULT
    return statement.body.decode(), statement.format, statement.settings.decode()


def code_of(text: str) -> int:
    with pytest.raises(ServerError) as caught:
        parse_statement(text.encode())
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "body", "output_format", "settings"),
    [
        ("SELECT 1", "SELECT 1", None, ""),
        ("SELECT 1 ;; ", "SELECT 1", None, ""),
        ("SELECT 1 FORMAT CSV", "SELECT 1", "CSV", ""),
        ("SELECT 1 format csv;", "SELECT 1", "csv", ""),
        ("SELECT 1 SETTINGS a = 1", "SELECT 1", None, "a = 1"),
        ("SELECT 1 SETTINGS a = 1, b = 'x'", "SELECT 1", None, "a = 1, b = 'x'"),
        ("SELECT 1 SETTINGS `a` = 1", "SELECT 1", None, "`a` = 1"),
        ("SELECT 1 SETTINGS a = 1 FORMAT CSV", "SELECT 1", "CSV", "a = 1"),
        ("SELECT 1 FORMAT CSV SETTINGS a = 1", "SELECT 1", "CSV", "a = 1"),
        ("SELECT 1 SETTINGS a = 1 FORMAT CSV SETTINGS b = 2", "SELECT 1", "CSV", "a = 1, b = 2"),
        ("(SELECT 1) FORMAT CSV", "(SELECT 1)", "CSV", ""),
        ("SELECT * FROM (SELECT 1 SETTINGS a = 1)", "SELECT * FROM (SELECT 1 SETTINGS a = 1)", None, ""),
        ("SELECT * FROM (SELECT (1) SETTINGS a = 1)", "SELECT * FROM (SELECT (1) SETTINGS a = 1)", None, ""),
        ("SELECT 1 SETTINGS a =", "SELECT 1", None, "a ="),
        ("SELECT [1 FORMAT CSV]", "SELECT [1 FORMAT CSV]", None, ""),
        ("SELECT 1 AS format FROM t", "SELECT 1 AS format FROM t", None, ""),
        ("SELECT format x FROM t", "SELECT format x FROM t", None, ""),
        ("SELECT settings FROM t", "SELECT settings FROM t", None, ""),
        ("SELECT a AS settings, b = 1", "SELECT a AS settings, b = 1", None, ""),
        ("SELECT 'FORMAT CSV'", "SELECT 'FORMAT CSV'", None, ""),
        ("SELECT 1 /* FORMAT CSV */", "SELECT 1", None, ""),
        ("SELECT 1 -- FORMAT CSV", "SELECT 1", None, ""),
    ],
)
def test_final_clauses_are_split_from_the_statement(text, body, output_format, settings):
    assert split(text) == (body, output_format, settings)


@pytest.mark.parametrize("operation", ["UNION ALL", "union distinct", "INTERSECT", "EXCEPT"])
def test_clauses_before_a_set_operation_stay_with_their_operand(operation):
    text = f"SELECT 1 SETTINGS a = 1 {operation} SELECT 2"
    assert split(text) == (text, None, "")
    assert split(f"{text} FORMAT CSV") == (text, "CSV", "")
    assert split(f"{text} SETTINGS b = 2 FORMAT CSV") == (text, "CSV", "b = 2")
    nested = f"SELECT * FROM (SELECT 1 {operation} SELECT 2)"
    assert split(f"SELECT 0 SETTINGS a = ({nested}) FORMAT CSV") == ("SELECT 0", "CSV", f"a = ({nested})")


@pytest.mark.parametrize(
    ("text", "kind", "has_result"),
    [
        ("SELECT 1", Kind.RESULT, True),
        ("((select 1))", Kind.RESULT, True),
        ("FROM t SELECT 1", Kind.RESULT, True),
        ("WITH 1 AS x SELECT x", Kind.RESULT, True),
        ("WITH x AS (SELECT 1 AS insert) SELECT (insert)", Kind.RESULT, True),
        ("WITH 1 AS insert SELECT insert", Kind.RESULT, True),
        ("WITH 1 AS x INSERT INTO t SELECT x", Kind.DIRECT, False),
        ("SHOW TABLES", Kind.RESULT, True),
        ("DESCRIBE t", Kind.RESULT, True),
        ("DESC t", Kind.RESULT, True),
        ("EXISTS t", Kind.RESULT, True),
        ("CHECK TABLE t", Kind.RESULT, True),
        ("KILL QUERY WHERE 1", Kind.RESULT, True),
        ("EXPLAIN SELECT 1", Kind.DIRECT, True),
        ("VALUES (1)", Kind.DIRECT, True),
        ("TABLE t", Kind.DIRECT, True),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", Kind.DIRECT, False),
        ("INSERT INTO t SELECT 1", Kind.DIRECT, False),
        ("SET a = 1", Kind.DIRECT, False),
        ("DROP TABLE t", Kind.DIRECT, False),
    ],
)
def test_a_statement_is_run_as_its_first_word_says(text, kind, has_result):
    statement = parse_statement(text.encode())
    assert (statement.kind, statement.has_result) == (kind, has_result)


def test_a_statement_that_is_run_as_it_is_written_keeps_its_clauses():
    statement = parse_statement(b"EXPLAIN SELECT 1 SETTINGS a = 1 FORMAT CSV ;")
    assert statement.text == statement.body == b"EXPLAIN SELECT 1 SETTINGS a = 1 FORMAT CSV"
    assert (statement.first_word, statement.format, statement.settings) == ("EXPLAIN", "CSV", b"")
    assert parse_statement(b"EXPLAIN SELECT 1 FORMAT 'CSV'").format is None
    assert parse_statement(b"EXPLAIN SYNTAX INSERT INTO t FORMAT CSV").format is None  # the format of the rows
    assert parse_statement(b"EXPLAIN SELECT format CSV2 x").format is None
    assert parse_statement(b"TABLE FORMAT").format is None
    assert parse_statement(b"FORMAT CSV").format is None


def test_exactly_one_statement_is_read():
    for text in ["", " ; ", "-- nothing", "SELECT 1; SELECT 2", "SELECT 1; ; SELECT 2", "; SELECT 1"]:
        assert code_of(text) == 62, text
    assert parse_statement(b"SELECT ';'; -- the end;").text == b"SELECT ';'"


def test_what_the_server_cannot_do_is_refused():
    assert code_of("INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV") == 48
    assert code_of("WITH 1 AS x INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV") == 48
    assert parse_statement(b"INSERT INTO t SELECT input FROM s").kind is Kind.DIRECT
    assert code_of("SELECT file('x')") == 497
    assert parse_statement(b"SELECT input FROM t").kind is Kind.RESULT


def test_a_log_comment_of_the_statements_own_is_refused_but_in_set():
    assert code_of("INSERT INTO t SELECT 1 SETTINGS log_comment = 'x'") == 452
    assert parse_statement(b"SET log_comment = 'x'").first_word == "SET"
    assert parse_statement(b"INSERT INTO t SELECT log_comment, 1").kind is Kind.DIRECT


def test_kill_compares_the_ids_that_clients_gave():
    body, output_format, settings = split("KILL QUERY WHERE query_id = 'query_id' OR query_id = 'b' SYNC FORMAT CSV")
    rewritten = f"KILL QUERY WHERE {QUERY_ID_EXPRESSION} = 'query_id' OR {QUERY_ID_EXPRESSION} = 'b' SYNC"
    assert (body, output_format, settings) == (rewritten, "CSV", "")
    assert split("SELECT query_id FROM system.processes")[0] == "SELECT query_id FROM system.processes"


def test_many_query_ids_of_a_kill_are_replaced_in_time_in_proportion_to_the_text():
    started = time.process_time()
    body = parse_statement(b"KILL QUERY WHERE " + b"query_id+" * 40_000 + b"1").body
    assert time.process_time() - started < 10  # it took a minute
    assert body.count(b"log_comment") == 40_000

"""The rules of the guard, one by one: what each refuses and what it lets through."""

from __future__ import annotations

import random
import time

import pytest

from tests.support.forbidden_sql import disguise
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.guard import (
    mentions_forbidden_word,
    refuse_forbidden_clauses,
    refuse_forbidden_values,
    refuse_hidden_names,
)
from trailhouse.server.sql.lexer import scan_tokens


def check(text: str) -> str | None:
    """Return the text of the refusal, or None."""
    try:
        refuse_forbidden_clauses(text.encode(), list(scan_tokens(text.encode())))
    except ServerError as error:
        return f"{error.code} {error.text}"
    return None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("SELECT 'a", "62 A quote, comment"),
        *((f"{word} x", f"497 Not enough privileges: {word} X")
          for word in ("BACKUP", "COPY", "EXECUTE", "GRANT", "MOVE", "RESTORE", "REVOKE", "SNAPSHOT", "SYSTEM")),
        ("SYSTEM", "SYSTEM cannot be used"),
        ("CREATE USER a", "CREATE USER"),
        ("CREATE FUNCTION a AS x -> x", "CREATE FUNCTION"),
        ("CREATE", "CREATE cannot be used"),
        ("DROP DATABASE default", "DATABASE default"),
        ("DETACH DATABASE `Default`", "DATABASE default"),
        ("RENAME DATABASE a TO b, default TO c", "DATABASE default"),
        ("ATTACH TABLE t FROM '/x' (a Int8) ENGINE = Memory", "ATTACH ... FROM"),
        ("CREATE VIEW v AS SELECT {f:Identifier}", "Identifier in the query of a view"),
        ("CREATE OR REPLACE MATERIALIZED VIEW v TO t AS SELECT {f:Identifier}", "Identifier in the query of a view"),
        ("ALTER TABLE v MODIFY QUERY SELECT {f:Identifier}", "Identifier in the query of a view"),
        ("SET a = 1, param_f = 'file'", "the parameter param_f with the value file"),
        ("SET `param_f` = 'EVAL'", "the parameter param_f with the value eval"),
        ("SELECT \u00e9", "62 Syntax error: failed at position 8 (byte 0xC3)"),
        ("SELECT 1 INTO OUTFILE 'x'", "INTO OUTFILE"),
        ("INSERT INTO t FROM INFILE 'x'", "INTO OUTFILE and FROM INFILE"),
        ("DROP TABLE a PARALLEL WITH DROP TABLE b", "PARALLEL WITH"),
        ("SELECT file('x')", "the name `file`"),
        ("SELECT `file`", "the name `file`"),
        ('SELECT "FILE"', "the name `file`"),
        ("SELECT \u201cfile\u201d", "the name `file`"),
        ("SELECT arrayMap(file, x)", "the name `file`"),
        (r"SELECT `f\x69le`", "escape sequences"),
        (r'SELECT "\n"', "escape sequences"),
        *((f"SELECT {name}(1)", f"the function {name}")
          for name in ("eval", "python", "executable", "disk", "fuzzjson", "loop")),
        ("SELECT `eval` (1)", "the function eval"),
        ("SELECT * FROM format(CSV, 'x')", "function format"),
        ("SELECT format('no pattern', 1)", "function format"),
        ("SELECT format('{}' || x)", "function format"),
        ("SELECT format(\"{}\", 1)", "function format"),
        ("SELECT format(", "function format"),
        ("SELECT * FROM generateRandom(x)", "a computed structure in the table function generaterandom"),
        ("SELECT * FROM generateRandom(concat('a', 'b'))", "a computed structure"),
        ("SELECT * FROM generateRandom('a Int8 DEFAULT 1')", "a structure with expressions"),
        ("SELECT * FROM generateRandom('a Int8 alias 1')", "a structure with expressions"),
        ("SELECT * FROM generateRandom('a Int8 Materialized 1')", "a structure with expressions"),
        ("SELECT * FROM generateRandom('a Int8 EPHEMERAL 1')", "a structure with expressions"),
        (r"SELECT * FROM null('a Int8 D\x45FAULT 1')", "a structure with expressions"),
        ("SELECT * FROM input(x)", "a computed structure"),
        ("SELECT * FROM null(x)", "a computed structure"),
        ("SELECT * FROM sqlStandardValues(x)", "a computed structure"),
        ("SELECT * FROM values(x, 1)", "a computed structure"),
        *((f"{word} values(x, 1)", "a computed structure")
          for word in ("AS", "DESC", "DESCRIBE", "EXISTS", "FROM", "FUNCTION", "IN", "JOIN", "TABLE")),
        ("SELECT * FROM a, values(x, 1)", "a computed structure"),
        ("DESCRIBE values(x)", "a computed structure"),
        ("CREATE TABLE t (a Int8) ENGINE = File(CSV)", "the engine File"),
        ("CREATE TABLE t (a Int8) ENGINE File(CSV)", "the engine File"),
        ("CREATE TABLE t (a Int8) ENGINE = `URL`('x')", "the engine `URL`"),
        ("ATTACH TABLE t (a Int8) ENGINE = S3('x')", "the engine S3"),
        ("REPLACE TABLE t (a Int8) ENGINE = S3('x')", "the engine S3"),
        ("CREATE DATABASE d ENGINE = MergeTree", "the engine MergeTree"),
        ("CREATE DATABASE d ENGINE = SQLite('x')", "the engine SQLite"),
        ("CREATE TABLE t (engine = File)", "the engine File"),
    ],
)  # fmt: skip
def test_each_rule_refuses_and_says_why(statement, named):
    refusal = check(statement)
    assert refusal is not None
    assert named in refusal
    for seed in range(5):  # in other letter cases and with other spaces
        assert check(disguise(statement, random.Random(seed))) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT 'file(1)', \"eval\" -- file('x')",
        "SELECT t.file, t.`file`",
        "SELECT eval, python, disk, loop",
        "SELECT evaluate(1), profile(1), filetime(1)",
        "SELECT format('{}', 1), format($${} $$, 1), format('{}')",
        "SELECT 1 AS format FORMAT CSV",
        "SELECT 1 AS format, (1)",
        "SELECT * FROM generateRandom('a Int8')",
        "SELECT * FROM generateRandom('a Int8', 1, x)",
        "SELECT * FROM generateRandom($$a Int8$$, rand())",
        "SELECT * FROM generateRandom()",
        "SELECT * FROM values('a Int8', f(x))",
        "SELECT * FROM values((1, 'the default'), (2, f(x)))",
        "SELECT * FROM values(NULL, [1], -1.5, +2, true, false)",
        "INSERT INTO t VALUES (f(x))",
        "SELECT parallel, with_x FROM parallel",
        r"SELECT 'a\x41', `a\`b`, " + r'"a\"b"',
        "BEGIN",
        "DROP DATABASE other",
        "DROP TABLE default.t",
        "RENAME TABLE default TO b",
        "ATTACH TABLE t",
        *(f"CREATE {kind} x" for kind in ("DATABASE", "MATERIALIZED VIEW", "OR REPLACE TABLE", "TABLE", "VIEW")),
        "CREATE TEMPORARY TABLE t (a Int8) ENGINE = Memory",
        "CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE t (a Int8) ENGINE = `MergeTree` ORDER BY a",
        "CREATE TABLE t (engine String, a Int8) ENGINE = Memory",
        "CREATE TABLE t (a Int8, engine String) ENGINE = Memory",
        "CREATE TABLE t (`a` Int8, engine 'x') ENGINE = Memory",
        "CREATE TABLE t ENGINE = Memory AS SELECT engine, file2 FROM system.tables WHERE engine = 'File'",
        ".file",
        "CREATE TABLE t (a Int8, database Int8) ENGINE = MergeTree",
        "CREATE OR REPLACE DATABASE d ENGINE = Atomic",
        "CREATE DATABASE d ENGINE = Atomic",
        "CREATE DATABASE d ENGINE = memory",
        "CREATE VIEW v AS SELECT 1 AS x, 2 AS engine",
        "CREATE TABLE t (a Int8) ENGINE",
        "CREATE TABLE t (a Int8) ENGINE =",
        "SELECT 1 AS engine, x FROM t WHERE engine = x",
    ],
)
def test_statements_that_only_look_like_it_are_let_through(statement):
    assert check(statement) is None


@pytest.mark.parametrize(
    ("rows", "is_allowed"),
    [
        ("(1, 'file(1)'), (2, NULL)", True),
        ("(1, upper('x'))", True),
        ("(file('x'))", False),
        ("(`file`('x'))", False),
        ("(eval('x'))", False),
        ("((SELECT * FROM format(CSV, 'x')))", False),
    ],
)
def test_rows_of_the_values_format_are_read_as_sql(rows, is_allowed):
    if is_allowed:
        refuse_forbidden_values(rows.encode())
    else:
        with pytest.raises(ServerError):
            refuse_forbidden_values(rows.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (word, True)
            for word in ("FILE", "Eval", "python", "executable", "disk", "Engine", "fuzz", "generateRandom")
        ),
        ("'file'", True),
        (r"`a\x41`", True),
        (r"'a\'b'", False),
        ("format(", True),
        ("format (", True),
        ("`format` (", True),
        ("\u201cformat\u201d(", True),
        ("values/* */(", True),
        ("input-- \n(", True),
        ("null//\n(", True),
        ("null#\n(", True),
        ("SELECT 1 FORMAT CSV", False),
        ("SELECT NULL, values", False),
        ("SELECT a / 2", False),
    ],
)
def test_statements_with_a_forbidden_word_anywhere_are_read_by_the_engines_parser_too(text, expected):
    assert mentions_forbidden_word(text.encode()) is expected


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW {v:Identifier} AS SELECT a FROM t WHERE a = {a:Int32}",
        "CREATE TABLE t ENGINE = Memory AS SELECT {c:Identifier} FROM u",
        "SELECT {c:Identifier} FROM {t:Identifier}",
        "SET param_f = 'files', param_g = 5, file_engine = 'file'",
        "-- Identifier",
    ],
)
def test_parameters_are_allowed_elsewhere(statement):
    assert check(statement) is None


@pytest.mark.parametrize("value", ["file", "File", "EVAL", "disk"])
def test_a_parameter_does_not_fill_in_a_forbidden_name(value):
    refuse_hidden_names({"a": "files", "b": "", "c": "x.file"})
    with pytest.raises(ServerError, match=f"the parameter f with the value {value.lower()} .*must not hide a name"):
        refuse_hidden_names({"a": "files", "f": value})


@pytest.mark.parametrize(
    "repeated", ["values(", "values((values((1),", "(values(1 ", "null(1),", "values(1)+", "null(", "format('{',"]
)
def test_many_calls_are_checked_in_time_in_proportion_to_the_text(repeated):
    started = time.process_time()
    check("SELECT " + repeated * 20_000)
    assert time.process_time() - started < 10  # 20,000 nested calls of values took ten minutes


def test_an_expression_in_a_nested_structure_is_refused():
    structure = "'a Int8, b Int8 default 1'"
    for text in (f"SELECT values(values({structure}, 1), 1)", f"SELECT values(1, (values({structure})))"):
        assert "a structure with expressions" in (check(text) or "")

"""The head of an INSERT, and the byte at which its rows begin."""

from __future__ import annotations

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.insert_head import NoHead, find_insert_head, refuse_second_statement


def read(text: str) -> tuple[str, str, str, str] | NoHead:
    """Return the INSERT, its settings, its format and its rows; a NoHead if it has no rows."""
    buffer = text.encode()
    head = find_insert_head(buffer, is_complete=True)
    if isinstance(head, NoHead):
        return head
    return head.text.decode(), head.settings.decode(), head.format, buffer[head.data_start :].decode()


@pytest.mark.parametrize(
    ("after_format", "rows"),
    [
        ("\n1\n", "1\n"),
        ("\r\n1\n", "1\n"),
        (" \n1\n", "1\n"),
        (" \t\f\r\n1\n", "1\n"),
        (" ;\n1\n", ";\n1\n"),
        ("\n\n1\n", "\n1\n"),  # the first line end ends the statement, the second is an empty row
        ("\r\n\r\n1\n", "\r\n1\n"),
        ("\r\r1\n", "\r1\n"),
        ("\n 1\n", " 1\n"),
        ("\n;1\n", ";1\n"),
        (" 1\n", "1\n"),
        ("\n-- 1\n", "-- 1\n"),
        ("\n/* 'SELECT\n", "/* 'SELECT\n"),
        ("\n", ""),
    ],
)
def test_rows_begin_after_one_line_end_and_are_never_read_as_sql(after_format, rows):
    assert read(f"INSERT INTO t FORMAT CSV{after_format}") == ("INSERT INTO t", "", "CSV", rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO t VALUES (1)", ("INSERT INTO t", "", "Values", " (1)")),
        ("INSERT INTO t (a, b) values\n(1)", ("INSERT INTO t (a, b)", "", "Values", "\n(1)")),
        ("INSERT INTO t FORMAT Values (1)", ("INSERT INTO t", "", "Values", " (1)")),
        ("INSERT INTO t FORMAT values\n\n(1)", ("INSERT INTO t", "", "values", "\n\n(1)")),
        ("INSERT INTO t FORMAT `CSV`\n1", ("INSERT INTO t", "", "CSV", "1")),
        ("insert into t format csv\n1", ("insert into t", "", "csv", "1")),
        ("-- a\nINSERT INTO t /* FORMAT TSV */ FORMAT CSV\n1", ("-- a\nINSERT INTO t", "", "CSV", "1")),
        ("INSERT INTO t SETTINGS a = 1 FORMAT CSV\n1", ("INSERT INTO t ", " a = 1", "CSV", "1")),
        ("INSERT INTO t (a) SETTINGS a = 1, b = 'x' VALUES (1)",
         ("INSERT INTO t (a) ", " a = 1, b = 'x'", "Values", " (1)")),
        ("INSERT INTO t (settings, a) FORMAT CSV\n1", ("INSERT INTO t (settings, a)", "", "CSV", "1")),
        ("INSERT INTO t (format, csv) FORMAT CSV\n1", ("INSERT INTO t (format, csv)", "", "CSV", "1")),
        ("INSERT INTO t (select) VALUES (1)", ("INSERT INTO t (select)", "", "Values", " (1)")),
        ("WITH 1 AS x INSERT INTO t FORMAT CSV\n1;", ("WITH 1 AS x INSERT INTO t", "", "CSV", "1;")),
        ("WITH x AS (SELECT 1), 2 AS select INSERT INTO t VALUES (1)",
         ("WITH x AS (SELECT 1), 2 AS select INSERT INTO t", "", "Values", " (1)")),
        ("WITH 1 AS insert INSERT INTO t FORMAT CSV\n1", ("WITH 1 AS insert INSERT INTO t", "", "CSV", "1")),
        ("INSERT INTO TABLE t FORMAT CSV\n1", ("INSERT INTO TABLE t", "", "CSV", "1")),
        ("INSERT INTO d . `t` FORMAT CSV\n1", ("INSERT INTO d . `t`", "", "CSV", "1")),
        ("INSERT INTO {d:Identifier}.{t:Identifier} FORMAT CSV\n1",
         ("INSERT INTO {d:Identifier}.{t:Identifier}", "", "CSV", "1")),
        ("INSERT INTO values VALUES (1)", ("INSERT INTO values", "", "Values", " (1)")),
        ("INSERT INTO format FORMAT CSV\n1", ("INSERT INTO format", "", "CSV", "1")),
        ("INSERT INTO select (a) FORMAT CSV\n1", ("INSERT INTO select (a)", "", "CSV", "1")),
        ("INSERT INTO settings SETTINGS a = 1 FORMAT CSV\n1", ("INSERT INTO settings ", " a = 1", "CSV", "1")),
        ("INSERT INTO FUNCTION null('a Int8') PARTITION BY (a) FORMAT CSV\n1",
         ("INSERT INTO FUNCTION null('a Int8') PARTITION BY (a)", "", "CSV", "1")),
        ("INSERT INTO t SETTINGS a = format, b, c = -1.5 FORMAT CSV\n1",
         ("INSERT INTO t ", " a = format, b, c = -1.5", "CSV", "1")),
        ("EXPLAIN AST graph = 0, optimize = 1 WITH 1 AS x INSERT INTO t FORMAT CSV\n1",
         ("EXPLAIN AST graph = 0, optimize = 1 WITH 1 AS x INSERT INTO t", "", "CSV", "1")),
    ],
)  # fmt: skip
def test_the_head_of_an_insert_is_split_into_its_clauses(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "(INSERT INTO t FORMAT CSV\n",
        "'INSERT' INTO t FORMAT CSV\n",
        "INSERTS INTO t FORMAT CSV\n",
        "WITH 1 AS x SELECT x AS insert INTO t FORMAT CSV",
        "WITH 1 AS x; INSERT INTO t FORMAT CSV\n",
        "EXPLAIN SELECT 1",
        "EXPLAIN CREATE TABLE INSERT INTO t FORMAT CSV\n",
        "INSERT INTO t SELECT 1 FORMAT CSV",
        "INSERT INTO t SELECT input FROM s WHERE 1",
        "INSERT INTO t WITH 1 AS x SELECT x FORMAT CSV",
        "INSERT INTO t (a) select 1",
        "INSERT INTO t (a) FROM s SELECT *",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t (SELECT 1)",
        "INSERT INTO t WITH values AS (SELECT 1) SELECT * FROM values",
        "INSERT INTO t ((a) VALUES (1)",
        "INSERT INTO t",
        "INSERT INTO t FORMAT",
        "INSERT FORMAT CSV",
        "INSERT INTO 'FORMAT CSV\n",
    ],
)
def test_other_statements_have_no_rows_in_the_body(text):
    assert read(text) is NoHead.NO_ROWS


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t; FORMAT CSV\n",
        "INSERT INTO t 'VALUES'",
        "INSERT INTO t SETTINGS a = 1; FORMAT CSV\n",
        "INSERT INTO t FORMAT 'CSV'\n",
        "INSERT INTO t FORMAT `C;SV`\n",
        "INSERT INTO t FORMAT {f:Identifier}\n",
        "INSERT INTO t WATCH v",
        "INSERT INTO 1 FORMAT CSV\n",
        "INSERT INTO FUNCTION f FORMAT CSV\n",
        "INSERT INTO t PARTITION BY a FORMAT CSV\n",
    ],
)
def test_an_insert_of_an_unknown_form_is_unclear(text):
    assert read(text) is NoHead.UNCLEAR


@pytest.mark.parametrize("name", ["CSV", "Values"])
def test_a_semicolon_after_the_name_of_the_format_is_refused(name):
    with pytest.raises(ServerError, match="excessive ';'") as caught:
        read(f"INSERT INTO t FORMAT {name};\n1\n")
    assert caught.value.code == 62


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV\n'",
        "WITH 1 AS x INSERT INTO t SELECT a FROM  INPUT ('a Int8') FORMAT CSV\n'",
        "INSERT INTO t FROM input('a Int8') SELECT a FORMAT CSV\n'",
    ],
)
def test_rows_for_the_table_function_input_are_refused(text):
    with pytest.raises(ServerError) as caught:
        read(text)
    assert caught.value.code == 48
    assert find_insert_head(text.encode(), is_complete=False) is NoHead.UNDECIDED


def test_an_explained_insert_is_marked():
    assert find_insert_head(b"EXPLAIN SYNTAX INSERT INTO t VALUES (1)", is_complete=True).is_explained
    assert not find_insert_head(b"INSERT INTO t VALUES (1)", is_complete=True).is_explained


@pytest.mark.parametrize(
    "rows",
    [
        "(1), (2)", "(1);", "(1) ;\n; ", "('a;b')", "('a\\';b')", "(1); -- the end", "(1) /* ; */", '("a;b")',
        "($$;$$)", "('it''s;')",
    ],
)  # fmt: skip
def test_a_semicolon_may_end_the_rows_or_be_in_a_quote(rows):
    refuse_second_statement(rows.encode())


@pytest.mark.parametrize("rows", ["(1); (2)", "(1); SELECT 1", "('a;b'); (2)", "(1) -- it's\n; (2)", "; (1)"])
def test_a_statement_after_the_rows_is_refused(rows):
    with pytest.raises(ServerError, match="semicolon") as caught:
        refuse_second_statement(rows.encode())
    assert caught.value.code == 62


def test_a_head_that_may_go_on_is_waited_for():
    text = b"INSERT INTO t FORMAT CSV\r\n1"
    found = [
        size
        for size in range(len(text) + 1)
        if find_insert_head(text[:size], is_complete=False) is not NoHead.UNDECIDED
    ]
    assert found == [len(text)]  # until the first byte of the rows arrives, the line end may go on
    assert find_insert_head(b"INSERT INTO t FORMAT CSV", is_complete=False) is NoHead.UNDECIDED
    assert find_insert_head(b"INSERT INTO t FORMAT CSV", is_complete=True).data_start == 24
    assert find_insert_head(b"INSERT INTO t VALUES", is_complete=False) is NoHead.UNDECIDED
    assert find_insert_head(b"INSERT INTO t VALUES(", is_complete=False).data_start == 20


def test_the_guard_reads_the_head_and_not_the_rows():
    with pytest.raises(ServerError, match="OUTFILE"):
        read("INSERT INTO t (a INTO OUTFILE 'x') FORMAT CSV\n")
    with pytest.raises(ServerError, match="`file`"):
        read("INSERT INTO FUNCTION file('x') VALUES (1)")
    assert read("INSERT INTO t FORMAT CSV\nfile('x') INTO OUTFILE")[3] == "file('x') INTO OUTFILE"

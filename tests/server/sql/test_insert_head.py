"""The head of an INSERT, and the byte at which its rows begin."""

from __future__ import annotations

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.insert_head import find_insert_head, is_insert


def read(text: str) -> tuple[str, str, str, str] | None:
    """Return the INSERT, its settings, its format and its rows."""
    buffer = text.encode()
    head = find_insert_head(buffer, is_complete=True)
    if head is None:
        return None
    return head.text.decode(), head.settings.decode(), head.format, buffer[head.data_start :].decode()


@pytest.mark.parametrize(
    ("after_format", "rows"),
    [
        ("\n1\n", "1\n"),
        ("\r\n1\n", "1\n"),
        (" \n1\n", "1\n"),
        (" \t\f\r\n1\n", "1\n"),
        (";\n1\n", "1\n"),
        ("; \r\n1\n", "1\n"),
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
        ("INSERT INTO t FORMAT Values; (1)", ("INSERT INTO t", "", "Values", " (1)")),
        ("insert into t format csv\n1", ("insert into t", "", "csv", "1")),
        ("-- a\nINSERT INTO t /* FORMAT TSV */ FORMAT CSV\n1", ("-- a\nINSERT INTO t", "", "CSV", "1")),
        ("INSERT INTO t SETTINGS a = 1 FORMAT CSV\n1", ("INSERT INTO t ", " a = 1", "CSV", "1")),
        ("INSERT INTO t (a) SETTINGS a = 1, b = 'x' VALUES (1)",
         ("INSERT INTO t (a) ", " a = 1, b = 'x'", "Values", " (1)")),
        ("INSERT INTO t (settings, a) FORMAT CSV\n1", ("INSERT INTO t (settings, a)", "", "CSV", "1")),
        ("INSERT INTO t (format, csv) FORMAT CSV\n1", ("INSERT INTO t (format, csv)", "", "CSV", "1")),
        ("INSERT INTO t (select) VALUES (1)", ("INSERT INTO t (select)", "", "Values", " (1)")),
    ],
)  # fmt: skip
def test_the_head_of_an_insert_is_split_into_its_clauses(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t SELECT 1 FORMAT CSV",
        "INSERT INTO t WITH 1 AS x SELECT x FORMAT CSV",
        "INSERT INTO t (a) select 1",
        "INSERT INTO t WITH values AS (SELECT 1) SELECT * FROM values",
        "INSERT INTO t ((a) VALUES (1)",
        "INSERT INTO t; FORMAT CSV\n",
        "INSERT INTO t",
        "INSERT INTO t FORMAT",
        "INSERT INTO t 'VALUES'",
        "INSERT FORMAT CSV",
        "INSERT INTO 'FORMAT CSV\n",
    ],
)
def test_other_inserts_have_no_rows_in_the_body(text):
    assert read(text) is None


def test_a_head_that_may_go_on_is_waited_for():
    text = b"INSERT INTO t FORMAT CSV\r\n1"
    found = [size for size in range(len(text) + 1) if find_insert_head(text[:size], is_complete=False) is not None]
    assert found == [len(text)]  # until the first byte of the rows arrives, the line end may go on
    assert find_insert_head(b"INSERT INTO t FORMAT CSV", is_complete=False) is None
    assert find_insert_head(b"INSERT INTO t FORMAT CSV", is_complete=True).data_start == 24
    assert find_insert_head(b"INSERT INTO t VALUES", is_complete=False) is None
    assert find_insert_head(b"INSERT INTO t VALUES(", is_complete=False).data_start == 20


def test_the_guard_reads_the_head_and_not_the_rows():
    with pytest.raises(ServerError, match="OUTFILE"):
        read("INSERT INTO t FROM INFILE 'x' FORMAT CSV\n")
    with pytest.raises(ServerError, match="`file`"):
        read("INSERT INTO FUNCTION file('x') VALUES (1)")
    assert read("INSERT INTO t FORMAT CSV\nfile('x') INTO OUTFILE") is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO t", True), (" -- a\ninsert", True), ("/* a */ INSERT", True),
        ("SELECT 1", False), ("'INSERT'", False), ("`insert`", False), ("(INSERT", False), ("INSERTS", False),
        ("", False),
    ],
)  # fmt: skip
def test_an_insert_begins_with_the_word(text, expected):
    assert is_insert(text.encode()) is expected

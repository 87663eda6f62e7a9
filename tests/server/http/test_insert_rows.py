"""Any rows that follow a statement are stored as the engine in-process stores them, and are never read as SQL."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.engine_process import EngineError, EngineProcess

_SQL_FRAGMENTS = [
    b";", b"--", b"-- ", b"#", b"# ", b"#!", b"//", b"/*", b"*/", b"'", b'"', b"`", b"$$", b"$a$", b"\\", b"(", b")",
    b"{", b"}", b"SELECT 1",
    b"INSERT INTO t VALUES", b"FORMAT CSV", b"SETTINGS a = 1", b"INTO OUTFILE 'x'",
    b"file('x')", b"input('a')", b"\xe2\x80\x98", b"\xe2\x80\x9c", b"\n", b"\r", b"\t", b" ", b",", b"\x00", b"\xff",
    b"\\N", b"NULL",
    b"[1]", b'{"a":"b"}',
]  # fmt: skip
_ROWS = st.lists(st.sampled_from(_SQL_FRAGMENTS) | st.binary(max_size=4), min_size=1, max_size=12).map(b"".join)
_COMMENTS = [b"", b" \n", b"-- FORMAT TSV\n", b"/* INSERT INTO t VALUES */ ", b"# ;\n"]
_WITH = [b"", b"WITH 1 AS x ", b"with x AS (SELECT ';') ", b"WITH 1 AS insert, 2 AS select "]
_TARGETS = [b"held_rows", b"TABLE held_rows (a)", b"default.`held_rows` (* EXCEPT b)", b"{target:Identifier}(a)"]
_SETTINGS = [
    b"",
    b" SETTINGS max_threads = 1",
    b" SETTINGS max_threads = 1, format_csv_delimiter = ';' -- FORMAT TSV\n",
]
_FORMATS = [
    b"TabSeparated", b"TSVRaw", b"CSV", b"LineAsString", b"RawBLOB", b"JSONEachRow", b"JSONCompactEachRow",
    b"JSONAsString", b"CustomSeparated", b"RowBinary", b"TSKV", b"`CSV`", b"Native",
]  # fmt: skip
_AFTER_FORMAT = [b"\n", b" \n", b"\r\n", b" \t\r\n", b" "]


@pytest.fixture(scope="module")
def engine(tmp_path_factory, http) -> Iterator[EngineProcess]:
    create = "CREATE OR REPLACE TABLE held_rows (a String, b String DEFAULT 'b') ENGINE = Memory"
    with EngineProcess(tmp_path_factory.mktemp("in_process")) as running:
        running.run(create)
        http.post("/", content=create)
        yield running
        http.post("/", content="DROP TABLE held_rows")


def store_in_process(engine: EngineProcess, statement: bytes) -> tuple[bool, bytes] | None:
    """Return whether the engine ran the statement, and the rows that the table holds afterwards.

    Return None if the statement has no rows, which the engine refuses in-process, but not over HTTP.
    """
    engine.run("TRUNCATE TABLE held_rows")
    try:
        engine.run(statement, target="held_rows")
        succeeded = True
    except EngineError as error:
        if "NO_DATA_TO_INSERT" in str(error):
            return None
        succeeded = False
    return succeeded, engine.run("SELECT hex(a), hex(b) FROM held_rows")


def store_over_http(http: httpx.Client, statement: bytes, pieces: list[int]) -> tuple[bool, bytes]:
    """Do the same over HTTP. The body is sent in pieces of these sizes, and the last piece has the rest."""

    def cut() -> Iterator[bytes]:
        start = 0
        for size in pieces:
            yield statement[start : start + size]
            start += size
        yield statement[start:]

    http.post("/", content="TRUNCATE TABLE held_rows")
    answer = http.post("/", params={"param_target": "held_rows"}, content=cut())
    return answer.is_success, http.post("/", content="SELECT hex(a), hex(b) FROM held_rows").content


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    comment=st.sampled_from(_COMMENTS),
    with_clause=st.sampled_from(_WITH),
    target=st.sampled_from(_TARGETS),
    clause=st.sampled_from(_SETTINGS),
    input_format=st.sampled_from(_FORMATS),
    after=st.sampled_from(_AFTER_FORMAT),
    rows=_ROWS,
    pieces=st.lists(st.integers(1, 40), max_size=4),
)
def test_any_rows_are_stored_as_the_engine_stores_them(
    engine, http, comment, with_clause, target, clause, input_format, after, rows, pieces
):
    insert = b"INSERT INTO " + target + clause + b" FORMAT " + input_format + after + rows
    # the engine in-process reads the rows as SQL if WITH begins the statement, so the reference has no WITH
    expected = store_in_process(engine, comment + insert)
    assume(expected is not None)
    assert store_over_http(http, comment + with_clause + insert, pieces) == expected


@pytest.mark.parametrize("with_clause", _WITH)
@pytest.mark.parametrize("format_clause", [b"VALUES", b"FORMAT Values\n"])
@pytest.mark.parametrize(
    "rows",
    [
        b"('a;b'), ('c -- d')",
        b" /* a */ ('a')\n,\t('b');",
        b"-- a\n ('a')",
        b"(upper('x') || ';'), ('y')",
        b"('SELECT 1; --')\n;\n",
        b"('a'",
        b"('a') SETTINGS max_threads = 1",
        b"(\xb5\xff)",
        b"('\xb5\xff\x00')",
    ],
)
def test_rows_in_the_values_format_are_stored_as_the_engine_stores_them(engine, http, with_clause, format_clause, rows):
    insert = b"INSERT INTO held_rows (a) " + format_clause + rows
    assert store_over_http(http, with_clause + insert, [5]) == store_in_process(engine, insert)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    with_clause=st.sampled_from(_WITH),
    before=st.sampled_from([b"", b" -- '\n", b" /* ; */"]),
    values=st.lists(_ROWS, min_size=1),
)
def test_any_literals_in_the_values_format_are_stored_byte_for_byte(engine, http, with_clause, before, values):
    literals = [value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for value in values]
    rows = b", ".join(b"('" + literal + b"')" for literal in literals)
    stored = store_over_http(http, with_clause + b"INSERT INTO held_rows (a) VALUES" + before + rows + b";\n", [])
    assert stored == (True, b"".join(value.hex().upper().encode() + b"\t62\n" for value in values))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    explain=st.sampled_from([b"EXPLAIN SYNTAX ", b"explain AST graph = 0, optimize = 0 ", b"EXPLAIN AST WITH 1 AS x "]),
    format_clause=st.sampled_from([b"VALUES ", b"FORMAT CSV\n", b"FORMAT TSV "]),
    rows=_ROWS,
)
def test_rows_after_an_explained_insert_are_ignored(engine, http, explain, format_clause, rows):
    statement = explain + b"INSERT INTO held_rows " + format_clause
    http.post("/", content="TRUNCATE TABLE held_rows")
    assert http.post("/", content=statement + rows).content == engine.run(statement + b"(1)")
    assert http.post("/", content="SELECT count() FROM held_rows").text == "0\n"


@pytest.mark.parametrize(
    ("in_url", "in_body"),
    [
        ("/* a comment */", "INSERT INTO held_rows (a) FORMAT TSV\na;b -- c  \n"),
        ("-- a comment", "WITH 1 AS x INSERT INTO held_rows (a) FORMAT TSV\na;b -- c  \n"),
        ("WITH 1 AS x", "INSERT INTO held_rows (a) FORMAT TSV\na;b -- c  \n"),
        ("WITH 1 AS x INSERT INTO held_rows (a) FORMAT TSV", "a;b -- c  \n"),
        ("INSERT INTO held_rows (a) FORMAT", "TSV\na;b -- c  \n"),
    ],
)
def test_the_head_may_be_in_the_url_the_body_or_both(engine, http, in_url, in_body):
    http.post("/", content="TRUNCATE TABLE held_rows")
    assert http.post("/", params={"query": in_url}, content=in_body).status_code == 200
    assert http.post("/", content="SELECT a FROM held_rows").text == "a;b -- c  \n"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO held_rows FORMAT CSV;\n1,2\n", "62"),
        ("INSERT INTO held_rows (a) VALUES ('a'); SELECT 1", "62"),
        ("INSERT INTO held_rows (a) VALUES ('a'); ('b')", "62"),
        ("INSERT INTO held_rows FORMAT {name:Identifier}\n1,2\n", "62"),
        ("INSERT INTO held_rows WATCH other FORMAT CSV\n1,2\n", "62"),
        ("INSERT INTO held_rows (a) SELECT a FROM input('a String') FORMAT TSV\n'\n", "48"),
        ("WITH 1 AS x INSERT INTO held_rows (a) SELECT a FROM input('a String') FORMAT TSV\na;b\n", "48"),
        ("INSERT INTO held_rows (a) SELECT a FROM \"input\"('a String') FORMAT TSV\na\n", "48"),
        ("INSERT INTO held_rows (a) FROM input('a String') SELECT a FORMAT TSV\na\n", "48"),
    ],
)
def test_an_insert_whose_rows_would_be_lost_is_refused(engine, http, statement, code):
    http.post("/", content="TRUNCATE TABLE held_rows")
    answer = http.post("/", params={"param_name": "CSV"}, content=statement)
    assert answer.headers.get("X-ClickHouse-Exception-Code") == code, answer.text
    assert http.post("/", content="SELECT count() FROM held_rows").text == "0\n"


def test_no_setting_moves_the_first_byte_of_the_rows(http):
    answer = http.post("/", params={"allow_settings_after_format_in_insert": "1"}, content="SELECT 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "452"

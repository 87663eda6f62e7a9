"""Results in the Native format state the time zones of their DateTime columns."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pandas as pd
import pytest
from clickhouse_connect.driver.external import ExternalData

_CHICAGO = ZoneInfo("America/Chicago")
_SUMMER = datetime(2024, 7, 1, 12, 0, tzinfo=_CHICAGO)
_LITERAL = "toDateTime('2024-07-01 12:00:00', 'America/Chicago')"


def read_types(data: bytes) -> list[list[tuple[str, str]]]:
    """Return the names and types of each block of a result. All blocks must have no rows or one UInt32 a column."""
    blocks, position = [], 0
    while position < len(data):
        column_count, row_count = data[position], data[position + 1]
        position += 2
        block = []
        for _ in range(column_count):
            words = []
            for _ in range(2):
                length = data[position]
                words.append(data[position + 1 : position + 1 + length].decode())
                position += 1 + length
            block.append(tuple(words))
            position += 4 * row_count
        blocks.append(block)
    return blocks


def ask(http: httpx.Client, query: str, **params) -> bytes:
    answer = http.post("/", params={"default_format": "Native", **params}, content=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_the_first_block_states_the_zones_and_has_no_rows(http):
    data = ask(http, f"SELECT {_LITERAL} AS a, toUInt32(5) AS b, toDateTime(0, 'Asia/Tokyo') AS `c d`")
    expected = [("a", "DateTime('America/Chicago')"), ("b", "UInt32"), ("c d", "DateTime('Asia/Tokyo')")]
    assert read_types(data) == [expected, [("a", "DateTime"), ("b", "UInt32"), ("c d", "DateTime")]]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT toDateTime(0) AS a",
        "SELECT toDateTime(0, 'UTC') AS a",
        "SELECT toUInt32(1) AS a",
        "SELECT toDateTime(0, 'Asia/Tokyo') AS a FORMAT RowBinary",
        "SELECT '\x08DateTime' AS a",
        "EXISTS TABLE nowhere",
    ],
)
def test_other_results_have_no_additional_block(http, query):
    assert not ask(http, query).startswith(b"\x01\x00")


@pytest.mark.parametrize("session_id", [None, "native zones"])
def test_clickhouse_connect_reads_times_in_their_zone(server, session_id):
    with server.connect(session_id=session_id) as client:
        result = client.query(f"SELECT {_LITERAL} AS a, 1 AS b UNION ALL SELECT {_LITERAL}, 2")
        assert result.column_names == ("a", "b")
        assert [column.name for column in result.column_types] == ["DateTime('America/Chicago')", "UInt8"]
        assert [row[0] for row in result.result_rows] == [_SUMMER] * 2
        assert result.result_rows[0][0].tzinfo is not None
        frame = client.query_df(f"SELECT {_LITERAL} AS a, number AS b FROM numbers(3)")
        assert frame.a.tolist() == [pd.Timestamp(_SUMMER)] * 3
        assert str(frame.a.dtype.tz) == "America/Chicago"
        assert frame.b.dtype == "uint64"


def test_a_streamed_result_is_read_in_its_zone(client):
    query = f"SELECT {_LITERAL} + number AS a, repeat('x', 50) AS b FROM numbers(200000)"
    with client.query_row_block_stream(query) as stream:
        rows = [row for block in stream for row in block]
    assert len(rows) == 200000
    assert {str(row[0].tzinfo) for row in rows} == {"America/Chicago"}
    assert min(rows)[0] == _SUMMER


def test_types_are_described_with_the_state_parameters_and_tables_of_the_request(server):
    with server.connect(session_id="native state") as client:
        client.command("CREATE TEMPORARY TABLE held (a DateTime('America/Chicago')) ENGINE = Memory")
        client.command(f"INSERT INTO held SELECT {_LITERAL}")
        assert client.query("SELECT a FROM held").result_rows == [(_SUMMER,)]
        large = client.query("SELECT a, repeat('x', 100) FROM held, numbers(30000) AS n").result_rows
        assert {row[0] for row in large} == {_SUMMER}
        assert str(large[0][0].tzinfo) == "America/Chicago"
    with server.connect() as client:
        assert (
            client.query(
                f"SELECT toDateTime(x, {{zone:String}}) AS a FROM (SELECT {_LITERAL} AS x)",
                parameters={"zone": "Asia/Tokyo"},
            )
            .column_types[0]
            .name
            == "DateTime('Asia/Tokyo')"
        )
        data = ExternalData(
            data=b"1719853200\n", file_name="extra", structure=["x DateTime('America/Chicago')"], fmt="CSV"
        )
        assert client.query("SELECT x FROM extra", external_data=data).result_rows == [(_SUMMER,)]
        limited = client.query(f"SELECT {_LITERAL} AS a, 1 AS b, 2 AS c", settings={"limit": 1, "max_result_rows": 1})
        assert [column.name for column in limited.column_types] == ["DateTime('America/Chicago')", "UInt8", "UInt8"]


def test_a_dump_is_inserted_again_by_the_engine(http):
    http.post("/", content="CREATE OR REPLACE TABLE dumped (a DateTime('America/Chicago'), b UInt32) ENGINE = Memory")
    dump = ask(http, f"SELECT {_LITERAL} AS a, toUInt32(number) AS b FROM numbers(3)")
    assert http.post("/", params={"query": "INSERT INTO dumped FORMAT Native"}, content=dump + dump).status_code == 200
    assert http.post("/", content="SELECT count(), sum(b), uniq(a), any(a) FROM dumped").text == (
        "6\t6\t1\t2024-07-01 12:00:00\n"
    )
    http.post("/", content="DROP TABLE dumped")


def test_an_error_of_the_query_is_the_answer_though_it_cannot_be_described(http):
    for session in ({}, {"session_id": "native, failing"}):
        if session:
            http.post("/", params=session, content="SET max_threads = 1")
        for query, code in (("SELECT nothing", "47"), (f"SELECT {_LITERAL}, throwIf(1)", "395")):
            answer = http.post("/", params={"default_format": "Native", **session}, content=query)
            assert answer.headers["X-ClickHouse-Exception-Code"] == code
        assert http.post("/", params=session, content="SELECT 42").text == "42\n"

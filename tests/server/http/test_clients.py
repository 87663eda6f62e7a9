"""Unmodified clients: clickhouse-connect, SQLAlchemy and curl."""

from __future__ import annotations

import io
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import clickhouse_connect
import httpx
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData


@pytest.fixture
def rows(client):
    client.command(
        "CREATE OR REPLACE TABLE rows (a Int64, b String, c Nullable(Float64)) ENGINE = MergeTree ORDER BY a"
    )
    yield "rows"
    client.command("DROP TABLE rows")


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip", "br"])
def test_rows_survive_insert_and_query_in_every_encoding(server, rows, compress):
    with server.connect(compress=compress) as client:
        data = [[1, "x\t'\\", 0.5], [2, "日本", None]]
        assert client.insert(rows, data, column_names=["a", "b", "c"]).written_rows == 2
        assert [list(row) for row in client.query(f"SELECT * FROM {rows} ORDER BY a").result_rows] == data


def test_frames_arrow_tables_and_raw_bytes_go_both_ways(client, rows):
    client.insert_df(rows, pd.DataFrame({"a": [1], "b": ["x"], "c": [1.5]}))
    client.insert_arrow(rows, pa.table({"a": pa.array([2], pa.int64()), "b": ["y"], "c": [2.5]}))
    client.raw_insert(rows, ["a", "b", "c"], b"3,z,3.5\n", fmt="CSV")
    client.raw_insert(rows, ["a", "b", "c"], io.BytesIO(b"4\tw\t\\N\n"), fmt="TSV")
    assert client.query_df(f"SELECT a FROM {rows} ORDER BY a").a.tolist() == [1, 2, 3, 4]
    assert client.query_arrow(f"SELECT sum(c) AS s FROM {rows}").to_pydict() == {"s": [7.5]}
    assert client.query_np(f"SELECT a FROM {rows} ORDER BY a").tolist() == [[1], [2], [3], [4]]
    assert client.raw_query(f"SELECT count() FROM {rows}", fmt="JSONEachRow") == b'{"count()":4}\n'
    assert b"".join(client.raw_stream("SELECT 1 FORMAT CSV")) == b"1\n"


def test_parameters_settings_and_empty_results(client):
    values = {"number": 5, "text": "a\tb\n'c'\\", "list": ["x", "y"], "none": None}
    query = "SELECT {number:Int32}, {text:String}, {list:Array(String)}, {none:Nullable(String)}"
    assert client.query(query, parameters=values).result_rows == [(5, values["text"], ["x", "y"], None)]
    assert client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 99}).result_rows == [(99,)]
    empty = client.query("SELECT 1 AS a, 'x' AS b LIMIT 0")
    assert (empty.column_names, empty.result_rows) == (("a", "b"), [])
    assert client.command("SELECT 1") == 1
    assert client.command("SHOW TABLES FROM system LIKE 'one'") == "one"


def test_streams_are_whole_and_their_late_errors_seen(client):
    with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
        assert sum(len(block) for block in stream) == 1000000
    with client.query_arrow_stream("SELECT number FROM numbers(1000000)") as stream:
        assert sum(table.num_rows for table in stream) == 1000000
    failing = "SELECT number, throwIf(number = 5000000) FROM numbers(10000000)"
    with pytest.raises(StreamFailureError, match="395"), client.query_row_block_stream(failing) as stream:
        for _ in stream:
            pass
    with pytest.raises(DatabaseError, match="395"):
        client.query(failing)
    assert client.query("SELECT 42").result_rows == [(42,)]


def test_sessions_keep_temporary_tables_and_external_data_is_seen(server):
    with server.connect(session_id="clients") as client:
        client.command("CREATE TEMPORARY TABLE kept (a Int64)")
        client.insert("kept", [[1], [2]], column_names=["a"])
        assert client.command("SELECT sum(a) FROM kept") == 3
        data = ExternalData(data=b"5\n6\n", file_name="extra", structure=["x Int32"], fmt="CSV")
        assert client.query("SELECT sum(x) FROM extra", external_data=data).result_rows == [(11,)]


def test_wrong_passwords_fail_to_connect(server):
    address = httpx.URL(server.url)
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(host=address.host, port=address.port, username="admin", password="wrong")


def test_queries_run_in_parallel(server):
    def sleep(_):
        with server.connect(autogenerate_session_id=False) as client:
            client.query("SELECT sleep(0.5)")

    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(pool.map(sleep, range(8)))
    assert time.monotonic() - started < 2.5


def test_sqlalchemy_reflects_and_queries(server, rows):
    engine = sa.create_engine(
        f"clickhousedb://{server.admin[0]}:{server.admin[1]}@{httpx.URL(server.url).netloc.decode()}/default"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"INSERT INTO {rows} VALUES (1, 'x', 0.5)"))
        assert connection.execute(sa.text(f"SELECT a, b FROM {rows}")).all() == [(1, "x")]
    inspector = sa.inspect(engine)
    assert rows in inspector.get_table_names(schema="default")
    assert [column["name"] for column in inspector.get_columns(rows, schema="default")] == ["a", "b", "c"]
    engine.dispose()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_asks_and_inserts(server, rows):
    def curl(*arguments: str, body: str) -> str:
        command = ["curl", "-sS", "-u", ":".join(server.admin), "--data-binary", "@-", *arguments]
        return subprocess.run(command, input=body, capture_output=True, text=True, check=True).stdout

    assert curl(f"{server.url}/?query=INSERT+INTO+{rows}+FORMAT+CSV", body="1,x,2\n" * 300000) == ""
    assert curl(server.url, body=f"SELECT count() FROM {rows}") == "300000\n"


def test_a_large_body_with_100_continue_is_read(server, rows):
    headers = {"Expect": "100-continue"}
    params = {"query": f"INSERT INTO {rows} FORMAT CSV"}
    answer = httpx.post(server.url, auth=server.admin, params=params, headers=headers, content=b"1,x,2\n" * 300000)
    assert answer.status_code == 200

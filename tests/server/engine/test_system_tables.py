"""No text of a system table tells another user the literals of the admin, or the folder of the data."""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest

from trailhouse.support.quoting import quote_identifier

SECRET = "the-literal-of-another-user"
_ROWS = 20_000  # some tables have rows without end


def ask(http: httpx.Client, sql: str) -> str:
    answer = http.post("/", content=sql)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def busy_server(http) -> Iterator[str]:
    """A server with a statement that runs, statements that failed, and a mutation that fails; all hold the literal."""
    for statement in (
        "CREATE DATABASE published",
        "CREATE TABLE published.raw_a (a Int64, b String) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE published.fct_a (a Int64) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO published.raw_a VALUES (1, 'x')",
    ):
        ask(http, statement)
    for statement in (
        f"SELECT throwIf(1, '{SECRET}')",
        f"SELECT toInt64('{SECRET}')",
        f"SELECT * FROM `{SECRET}`",
        f"INSERT INTO published.raw_a VALUES ('{SECRET}', 1)",
        f"INSERT INTO published.raw_a FORMAT CSV\n{SECRET},1\n",
        f"ALTER TABLE published.raw_a UPDATE b = '{SECRET}' WHERE throwIf(b != '{SECRET}')",
    ):
        assert http.post("/", content=statement).status_code != 200, statement
    query_id = str(uuid.uuid4())
    sql = f"SELECT count() FROM numbers(1000000000) WHERE sleep(0.001) = 1 OR toString(number) = '{SECRET}'"
    thread = threading.Thread(target=lambda: http.post("/", params={"query_id": query_id}, content=sql))
    thread.start()
    deadline = time.monotonic() + 20
    while SECRET not in ask(http, "SELECT query FROM system.processes") and time.monotonic() < deadline:
        time.sleep(0.05)
    yield query_id
    ask(http, f"KILL QUERY WHERE query_id = '{query_id}' SYNC")
    thread.join(30)
    ask(http, "KILL MUTATION WHERE database = 'published' SYNC")
    ask(http, "DROP DATABASE published SYNC")


@pytest.fixture(scope="module")
def selects(http, busy_server) -> dict[str, str]:
    """For every table of ``system`` and ``information_schema``, a query of all its columns that hold a text."""
    rows = ask(
        http,
        "SELECT lower(database), table, name FROM system.columns"
        " WHERE lower(database) IN ('system', 'information_schema')"
        " AND match(type, 'String|Enum|Map|JSON|Dynamic|Variant') FORMAT TSVRaw",
    )
    columns = defaultdict(list)
    for line in rows.splitlines():
        database, table, name = line.split("\t")
        columns[f"{database}.{quote_identifier(table)}"].append(quote_identifier(name))
    return {
        table: f"SELECT {', '.join(names)} FROM {table} LIMIT {_ROWS} FORMAT TSVRaw" for table, names in columns.items()
    }


def test_the_admin_sees_the_literal(http, selects):
    tables = ("system.`processes`", "system.`errors`", "system.`mutations`")
    assert [table for table in tables if SECRET not in ask(http, selects[table])] == []
    assert len(selects) > 120


@pytest.mark.parametrize("user", ["reader", "dashboards"])
def test_no_text_of_a_system_table_is_of_another_user_or_of_the_folder(
    user, selects, server, reader_http, dashboards_http
):
    client = {"reader": reader_http, "dashboards": dashboards_http}[user]
    read = []
    for table, sql in selects.items():
        answer = client.post("/", content=sql)
        if answer.status_code == 200:
            read.append(table)
        assert SECRET not in answer.text, table
        assert server.directory.parent.name not in answer.text, table
    assert len(read) > 100


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW PROCESSLIST",
        "SHOW FULL PROCESSLIST",
        "SELECT getServerSetting('path')",
        "SELECT * FROM system.query_log",
        "SELECT data_paths, metadata_path FROM system.tables",
        "SHOW CREATE TABLE published.raw_a",
        "SHOW SETTINGS LIKE '%path%'",
        "CHECK TABLE published.raw_a",
        "CHECK TABLE published.raw_a PARTITION ID 'nowhere'",
        "CHECK TABLE published.raw_a PART 'all_9_9_0'",
        "ALTER TABLE published.raw_a ATTACH PART 'all_9_9_0'",
        "ALTER TABLE published.raw_a DROP PART 'all_9_9_0'",
        "ATTACH TABLE published.raw_b",
        "ATTACH TABLE published.raw_c UUID '00000000-0000-0000-0000-000000000001' (a Int8) ENGINE = Memory",
        "SELECT * FROM mergeTreeIndex('published', 'raw_a')",
        "SELECT _path, _file FROM published.raw_a",
        "SELECT _part, _disk_name, _part_uuid FROM published.raw_a",
        "EXPLAIN PIPELINE SELECT * FROM published.raw_a",
        "EXPLAIN indexes = 1 SELECT * FROM published.raw_a",
        "SELECT * FROM file('nowhere.csv')",
        "SELECT a FROM published.raw_a GROUP BY a SETTINGS max_bytes_before_external_group_by = 1",
    ],
)
def test_no_answer_and_no_error_tells_the_folder(statement, busy_server, server, http, reader_http, dashboards_http):
    for client in (http, reader_http, dashboards_http):
        answer = client.post("/", content=statement)
        assert server.directory.parent.name not in answer.text
        assert client is http or SECRET not in answer.text

"""What each user of the server may do in the engine, asked over HTTP."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from trailhouse.server.engine.roles import ADMIN_SYSTEM_TABLES, OPEN_SYSTEM_TABLES

SECRET = "the-literal-of-the-admin"


def ask(http: httpx.Client, sql: str, **parameters: str) -> str:
    answer = http.post("/", params=parameters, content=sql)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def published(http) -> Iterator[None]:
    """A database with raw tables and marts, one of which is a view of its definer."""
    for statement in (
        "CREATE DATABASE published",
        "CREATE TABLE published.raw_suite (a Int64) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO published.raw_suite VALUES (1), (2)",
        "CREATE TABLE published.fct_a ENGINE = MergeTree ORDER BY a AS SELECT a FROM published.raw_suite",
        "CREATE VIEW published.dim_v DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT * FROM published.raw_suite",
        "CREATE VIEW published.fct_of_invoker AS SELECT * FROM published.raw_suite",
    ):
        ask(http, statement)
    yield
    ask(http, "DROP DATABASE published SYNC")


@pytest.fixture
def running_statement(http) -> Iterator[str]:
    """The query id of a statement of the admin that runs during the test and contains a literal."""
    query_id = str(uuid.uuid4())
    sql = f"SELECT count() FROM numbers(1000000000) WHERE sleep(0.001) = 1 OR toString(number) = '{SECRET}'"
    thread = threading.Thread(target=lambda: http.post("/", params={"query_id": query_id}, content=sql))
    thread.start()
    count = f"SELECT count() FROM system.processes WHERE Settings['log_comment'] = '{query_id}'"
    deadline = time.monotonic() + 20
    while ask(http, count) == "0\n" and time.monotonic() < deadline:
        time.sleep(0.05)
    yield query_id
    ask(http, f"KILL QUERY WHERE query_id = '{query_id}' SYNC")
    thread.join(30)


def test_every_system_table_is_either_for_the_admin_or_for_everybody(http):
    tables = set(ask(http, "SELECT name FROM system.tables WHERE database = 'system'").split())
    assert tables == {*ADMIN_SYSTEM_TABLES, *OPEN_SYSTEM_TABLES}
    assert set(ADMIN_SYSTEM_TABLES) & set(OPEN_SYSTEM_TABLES) == set()


def test_the_reader_sees_no_row_of_a_system_table_of_the_admin(http, reader_http, server):
    http.post("/", content=f"SELECT throwIf(1, '{SECRET}')")
    assert SECRET in ask(http, "SELECT last_error_message FROM system.errors")
    for table in ADMIN_SYSTEM_TABLES:
        answer = reader_http.post("/", content=f"SELECT * FROM system.{table} LIMIT 1 FORMAT TSV")
        assert answer.status_code != 200 or answer.text == "", table


def test_nobody_else_sees_the_statements_and_literals_of_the_admin(
    http, reader_http, dashboards_http, running_statement
):
    seen = ask(http, "SELECT query FROM system.processes")
    assert SECRET in seen
    for user in (reader_http, dashboards_http):
        for statement in (
            "SELECT * FROM system.processes",
            "SHOW PROCESSLIST",
            "SELECT * FROM `system`.`processes`",
            "SELECT * FROM (SELECT * FROM system.processes)",
            "SELECT last_error_message FROM system.errors",
            "SELECT count() FROM system.user_processes",
            "SELECT * FROM merge('system', '^processes$')",
        ):
            answer = user.post("/", content=statement)
            assert SECRET not in answer.text
            assert answer.text.strip() in ("", "0") or answer.status_code != 200, statement
        assert user.post("/", content=f"KILL QUERY WHERE query_id = '{running_statement}'").status_code != 200


def test_no_user_sees_the_folder_of_the_data(http, reader_http, dashboards_http, published, server):
    columns = ask(
        http,
        "SELECT concat('SELECT ', name, ' FROM system.', table) FROM system.columns WHERE database = 'system'"
        " AND (name LIKE '%path%' OR table IN ('server_settings', 'settings', 'warnings', 'build_options'))"
        " AND table NOT IN ('licenses', 'symbols') FORMAT TSVRaw",
    ).splitlines()
    assert len(columns) > 20
    for user in (http, reader_http, dashboards_http):
        for statement in (*columns, "SELECT getServerSetting('path')", "SELECT * FROM file('/nowhere/x')"):
            assert server.directory.name not in user.post("/", content=statement).text, statement


@pytest.mark.parametrize("statement", ["SET ROLE admin", "SET DEFAULT ROLE admin TO default", "set/**/role all"])
@pytest.mark.parametrize("session", [{}, {"session_id": "roles"}])
def test_no_user_changes_its_role(reader_http, statement, session):
    answer = reader_http.post("/", params=session, content=statement)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
    assert "the users of this server and their rights are fixed" in answer.text
    assert ask(reader_http, "SELECT currentRoles()", **session) == "['reader']\n"


def test_a_handle_is_not_passed_to_another_user(http, reader_http, dashboards_http, published):
    for _ in range(20):
        assert ask(http, "SELECT currentRoles()") == "['admin']\n"
        assert ask(reader_http, "SELECT currentRoles()") == "['reader']\n"
        assert ask(dashboards_http, "SELECT count() FROM published.fct_a") == "2\n"
    answer = http.get("/", params={"query": "SELECT currentRoles(), getSetting('readonly')"})
    assert answer.text == "['admin']\t2\n"


def test_the_driver_of_dashboards_reads_the_published_tables(server, published):
    with server.connect_as(server.dashboards, database="published") as client:
        assert client.query("SELECT a FROM fct_a ORDER BY a").result_rows == [(1,), (2,)]
        assert client.query("SELECT a FROM dim_v WHERE a = {a:Int64}", parameters={"a": 2}).result_rows == [(2,)]
        assert client.query_df("SELECT toDateTime('2026-01-01', 'Asia/Tokyo') AS t FROM fct_a").shape == (2, 1)


@pytest.mark.parametrize("table", ["published.fct_a", "published.dim_v"])
def test_dashboards_read_the_published_tables(dashboards_http, published, table):
    assert ask(dashboards_http, f"SELECT sum(a) FROM {table}") == "3\n"
    assert ask(dashboards_http, f"SELECT 1 IN (SELECT a FROM {table})") == "1\n"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM published.raw_suite",
        "SELECT 1 IN published.raw_suite",
        "SELECT sum(a IN published.raw_suite) FROM published.fct_a",
        "SELECT sum(a GLOBAL NOT IN published.raw_suite) FROM published.fct_a",
        "SELECT in(1, published.raw_suite)",
        "SELECT (SELECT max(a) FROM published.raw_suite)",
        "SELECT * FROM published.fct_of_invoker",
        "WITH raw AS (SELECT * FROM published.raw_suite) SELECT count() FROM raw",
        "SELECT * FROM merge('published', '.*')",
        "SELECT * FROM merge('published', '^raw')",
        "SELECT * FROM view(SELECT * FROM published.raw_suite)",
        "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM published.raw_suite))",
        "SELECT * FROM mergeTreeIndex('published', 'raw_suite')",
        "SELECT joinGet('published.raw_suite', 'a', 1)",
        "DESCRIBE TABLE published.raw_suite",
        "SHOW CREATE TABLE published.raw_suite",
        "EXPLAIN ESTIMATE SELECT * FROM published.raw_suite",
        "INSERT INTO published.fct_a VALUES (3)",
        "INSERT INTO published.fct_a SELECT 3",
        "DROP TABLE published.fct_a",
        "ALTER TABLE published.fct_a DELETE WHERE 1",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "SET max_threads = 8",
    ],
)
def test_dashboards_read_nothing_else_and_write_nothing(dashboards_http, published, statement):
    answer = dashboards_http.post("/", content=statement)
    assert answer.status_code != 200, answer.text
    assert answer.headers["X-ClickHouse-Exception-Code"] in ("497", "164", "60", "47"), answer.text


def test_dashboards_see_the_names_of_the_published_tables_only(dashboards_http, published):
    names = ask(
        dashboards_http, "SELECT DISTINCT database, name FROM system.tables WHERE database != 'system' FORMAT TSV"
    )
    shown = {tuple(line.split("\t")) for line in names.splitlines() if "nformation" not in line.lower()}
    assert shown == {("published", name) for name in ("fct_a", "dim_v", "fct_of_invoker")}


@pytest.mark.parametrize(
    "name",
    [
        "sleep(3)",
        "`sleep`(3)",
        "arrayMap(sleep, [3])",
        "hostName()",
        "filesystemAvailable()",
        "getServerSetting('path')",
        "currentUser()",
        "uptime()",
        "FQDN()",
        "sleepEachRow(1)",
    ],
)
@pytest.mark.parametrize("template", ["SELECT {}", "SELECT max({}) FROM published.fct_a", "WITH {} AS x SELECT x"])
def test_dashboards_cannot_wait_or_ask_about_the_server(dashboards_http, published, template, name):
    started = time.monotonic()
    answer = dashboards_http.post("/", content=template.format(name))
    assert answer.headers.get("X-ClickHouse-Exception-Code") == "497", answer.text
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("parameters", "statement"),
    [
        ({"max_execution_time": "0"}, "SELECT 1"),
        ({"max_threads": "64"}, "SELECT 1"),
        ({}, "SELECT 1 SETTINGS max_execution_time = 0"),
        ({}, "SELECT * FROM (SELECT 1 SETTINGS max_threads = 64)"),
        ({}, "SELECT 1 SETTINGS allow_introspection_functions"),
        ({}, "SELECT 1 SETTINGS allow_introspection_functions FORMAT JSON"),
        ({}, "SELECT * FROM (SELECT 1 SETTINGS `allow_introspection_functions`)"),
        ({}, "SELECT 1 SETTINGS allow_introspection_functions, max_threads = 64"),
        ({}, "SELECT 1 UNION ALL SELECT 2 SETTINGS allow_introspection_functions"),
        ({"session_id": "limits"}, "SET max_threads = 64"),
    ],
)
def test_dashboards_cannot_change_their_limits(dashboards_http, parameters, statement):
    answer = dashboards_http.post("/", params=parameters, content=statement)
    assert answer.headers.get("X-ClickHouse-Exception-Code") == "164", answer.text


def test_a_column_of_dashboards_may_be_called_settings(dashboards_http):
    query = "SELECT settings, 'x' AS y FROM (SELECT 2 AS settings UNION ALL SELECT 1) ORDER BY settings ASC, y DESC"
    assert ask(dashboards_http, query) == "1\tx\n2\tx\n"


def test_no_other_name_of_a_forbidden_function_is_allowed_to_dashboards(http, dashboards_http):
    aliases = ask(http, "SELECT name, alias_to FROM system.functions WHERE alias_to != ''").splitlines()
    pairs = [line.split("\t") for line in aliases]
    refused = {name for pair in pairs for name in pair if is_refused(dashboards_http, f"SELECT {name}()")}
    assert refused & {"current_user", "currentUser"} == {"current_user", "currentUser"}
    assert [pair for pair in pairs if (pair[0] in refused) != (pair[1] in refused)] == []


def is_refused(http: httpx.Client, statement: str) -> bool:
    return "cannot use the name" in http.post("/", content=statement).text


def test_a_query_of_a_dashboard_has_limits_of_time_threads_and_memory(dashboards_http):
    query = "SELECT name, value FROM system.settings WHERE name IN ('max_execution_time', 'max_threads', 'readonly')"
    assert ask(dashboards_http, f"{query} ORDER BY name") == "max_execution_time\t30\nmax_threads\t2\nreadonly\t2\n"
    texts = "SELECT repeat(substring(a.time_zone, 1, 1), 4000) FROM system.time_zones AS a, system.time_zones AS b"
    large = f"{texts} FORMAT Null"
    assert dashboards_http.post("/", content=large).headers["X-ClickHouse-Exception-Code"] == "396"
    bomb = "SELECT length(groupArray(arrayJoin(range(400000000))))"
    assert dashboards_http.post("/", content=bomb).headers["X-ClickHouse-Exception-Code"] in ("241", "128")


def test_many_queries_of_dashboards_leave_room_for_others(dashboards_http, http, published):
    slow = "length(arrayMap(x -> sipHash64(x), range(3000000))) > 0"
    query = f"SELECT count() FROM published.fct_a AS a, published.fct_a AS b WHERE {slow}"
    with httpx.Client(base_url=dashboards_http.base_url, auth=dashboards_http.auth, timeout=120) as client:
        threads = [threading.Thread(target=lambda: client.post("/", content=query)) for _ in range(24)]
        for thread in threads:
            thread.start()
        count = (
            "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(x)%' AND query NOT LIKE '%processes%'"
        )
        running = set()
        while any(thread.is_alive() for thread in threads):
            running.add(int(ask(http, count)))
            time.sleep(0.02)
    assert 1 < max(running) <= 8


@pytest.mark.parametrize("name", ["file", "FILE", "eval"])
def test_no_parameter_hides_a_forbidden_name(http, reader_http, dashboards_http, published, name):
    call = "arrayMap({f:Identifier}, ['../admin.password'])"
    for client in (http, reader_http, dashboards_http):
        answer = client.post("/", params={"param_f": name}, content=f"SELECT {call}")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", answer.text
        assert "a parameter must not hide a name that is forbidden" in answer.text
    for client in (http, reader_http):
        session = {"session_id": "hidden names"}
        ask(client, "CREATE TEMPORARY TABLE IF NOT EXISTS held (a Array(String))", **session)
        rows = client.post("/", params={"param_f": name, **session}, content=f"INSERT INTO held VALUES ({call})")
        assert rows.headers["X-ClickHouse-Exception-Code"] == "497", rows.text
        for value in (name, "".join(f"\\x{ord(character):02x}" for character in name)):
            answer = client.post("/", params=session, content=f"SET max_threads = 1, param_f = '{value}'")
            assert answer.headers["X-ClickHouse-Exception-Code"] == "497", answer.text
    for statement in (
        f"CREATE VIEW published.dim_p AS SELECT {call}",
        f"CREATE OR REPLACE VIEW published.dim_p AS SELECT {call}",
    ):
        answer = http.post("/", content=statement)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", answer.text


@pytest.mark.parametrize("name", ["sleep", "hostName", "current_user", "getSetting"])
def test_no_parameter_hides_a_name_from_the_rules_of_dashboards(dashboards_http, published, name):
    for query in ("SELECT arrayMap({f:Identifier}, [1])", "SELECT {f:Identifier} FROM published.fct_a"):
        answer = dashboards_http.post("/", params={"param_f": name}, content=query)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", answer.text


def test_parameters_that_are_no_names_and_other_names_are_allowed(http, dashboards_http, published):
    assert ask(dashboards_http, "SELECT {f:String}", param_f="file") == "file\n"
    assert (
        ask(dashboards_http, "SELECT sum({c:Identifier}) FROM {t:Identifier}.fct_a", param_c="a", param_t="published")
        == "3\n"
    )
    ask(http, "CREATE OR REPLACE VIEW published.dim_p AS SELECT a FROM published.fct_a WHERE a = {a:Int64}")
    assert ask(http, "SELECT * FROM published.dim_p(a = 2)") == "2\n"
    ask(http, "DROP VIEW published.dim_p")


def test_the_query_cache_does_not_give_the_rows_of_the_admin_to_others(http, reader_http):
    settings = {
        "use_query_cache": "1",
        "query_cache_system_table_handling": "save",
        "query_cache_nondeterministic_function_handling": "save",
        "query_cache_share_between_users": "1",
    }
    query = "SELECT count() FROM system.processes"
    for _ in range(3):
        assert ask(http, query, **settings) != "0\n"
    assert ask(reader_http, query, **settings) == "0\n"

"""Views with a definer: the definer is the admin, by its name or as the current user, and gives nobody other rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def ask(http, sql: str, **parameters: str) -> str:
    answer = http.post("/", params=parameters, content=sql)
    assert answer.status_code == 200, answer.text
    return answer.text


def refusal(http, sql: str, **parameters: str) -> str:
    """Return the code of the error that the statement gives."""
    return http.post("/", params=parameters, content=sql).headers.get("X-ClickHouse-Exception-Code", "")


@pytest.fixture(scope="module")
def database(http) -> Iterator[str]:
    """The published database, with a raw table of the rows 1 and 2."""
    for statement in (
        "CREATE DATABASE published",
        "CREATE TABLE published.raw_a (a Int64) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO published.raw_a VALUES (1), (2)",
    ):
        ask(http, statement)
    yield "published"
    ask(http, "DROP DATABASE published SYNC")


@pytest.fixture
def view(http, database) -> Iterator[str]:
    yield f"{database}.dim_view"
    ask(http, f"DROP TABLE IF EXISTS {database}.dim_view SYNC")


@pytest.mark.parametrize(
    ("definer", "shown"),
    [("admin", "admin"), ("`admin`", "admin"), ("CURRENT_USER", "default"), ("default", "default")],
)
def test_a_view_reads_its_tables_with_the_rights_of_its_definer(
    http, reader_http, dashboards_http, view, definer, shown
):
    # the statement of dbt-clickhouse for sql_security = 'definer'
    ask(
        http,
        f"create or replace view {view} DEFINER = {definer} SQL SECURITY DEFINER as (select a from published.raw_a)",
    )
    written = ask(http, "SELECT create_table_query FROM system.tables WHERE table = 'dim_view'")
    assert f"DEFINER = {shown} SQL SECURITY DEFINER" in written
    for user in (http, reader_http, dashboards_http):
        assert ask(user, f"SELECT sum(a) FROM {view}") == "3\n"
    assert refusal(dashboards_http, "SELECT sum(a) FROM published.raw_a") == "497"


def test_the_definer_of_a_view_can_be_changed(http, dashboards_http, view):
    ask(http, f"CREATE VIEW {view} AS SELECT a FROM published.raw_a")
    assert refusal(dashboards_http, f"SELECT sum(a) FROM {view}") == "497"
    ask(http, f"ALTER TABLE {view} MODIFY DEFINER = admin SQL SECURITY DEFINER")
    assert ask(dashboards_http, f"SELECT sum(a) FROM {view}") == "3\n"


@pytest.mark.parametrize("target", ["TO published.fct_target", "ENGINE = MergeTree ORDER BY a"])
def test_a_materialized_view_writes_with_the_rights_of_its_definer(http, reader_http, dashboards_http, view, target):
    ask(http, "CREATE TABLE published.fct_target (a Int64) ENGINE = MergeTree ORDER BY a")
    ask(http, "CREATE TABLE published.raw_source (a Int64) ENGINE = MergeTree ORDER BY a")
    try:
        ask(
            http,
            f"CREATE MATERIALIZED VIEW {view} {target} DEFINER = admin SQL SECURITY DEFINER"
            " AS SELECT a * 10 AS a FROM published.raw_source",
        )
        ask(http, "INSERT INTO published.raw_source VALUES (4), (5)")
        for user in (http, reader_http, dashboards_http):
            assert ask(user, f"SELECT sum(a) FROM {view}") == "90\n"
        for user in (reader_http, dashboards_http):
            assert refusal(user, "INSERT INTO published.raw_source VALUES (6)") in ("497", "164")
            assert refusal(user, f"INSERT INTO {view} VALUES (6)") in ("497", "164")
        assert ask(http, f"SELECT sum(a) FROM {view}") == "90\n"
    finally:
        for table in (view, "published.raw_source", "published.fct_target"):
            ask(http, f"DROP TABLE {table} SYNC")


@pytest.mark.parametrize("definer", ["reader", "dashboards", "nobody"])
def test_no_other_user_is_the_definer_of_a_view(http, view, definer):
    statement = f"CREATE VIEW {view} DEFINER = {definer} SQL SECURITY DEFINER AS SELECT a FROM published.raw_a"
    assert refusal(http, statement) in ("497", "192")
    assert ask(http, "EXISTS published.dim_view") == "0\n"


@pytest.mark.parametrize("session", [{}, {"session_id": "definers"}])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW published.dim_own DEFINER = admin SQL SECURITY DEFINER AS SELECT * FROM system.processes",
        "CREATE VIEW published.dim_own DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT * FROM system.processes",
        "CREATE VIEW published.dim_own SQL SECURITY NONE AS SELECT * FROM published.raw_a",
        "CREATE TEMPORARY VIEW dim_own DEFINER = admin SQL SECURITY DEFINER AS SELECT * FROM published.raw_a",
        "CREATE MATERIALIZED VIEW published.dim_own ENGINE = Memory DEFINER = admin SQL SECURITY DEFINER"
        " AS SELECT * FROM published.raw_a",
        "ALTER TABLE published.fct_view MODIFY DEFINER = admin SQL SECURITY DEFINER",
        "ALTER TABLE published.fct_view MODIFY QUERY SELECT * FROM system.processes",
    ],
)
def test_a_reader_gains_no_rights_by_a_definer(http, reader_http, dashboards_http, database, statement, session):
    ask(http, "CREATE OR REPLACE VIEW published.fct_view AS SELECT a FROM published.raw_a")
    for user in (reader_http, dashboards_http):
        assert refusal(user, statement, **session) in ("497", "164")
    assert ask(http, "EXISTS published.dim_own") == "0\n"

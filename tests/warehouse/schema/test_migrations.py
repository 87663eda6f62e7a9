"""Schema migrations, applied by the real engine."""

import re

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.schema.migrations import (
    Migration,
    apply_migrations,
    packaged_migrations,
    pending_migrations,
    read_migrations,
)
from trailhouse.warehouse.schema.missing_tables import list_tables

CREATE_ONE = Migration(1, "one", "create table one (x Int32) engine = MergeTree order by x;\n")
CREATE_TWO = Migration(
    2,
    "two",
    "create table two (x Int32) engine = MergeTree order by x;\ninsert into one (x) values (7);\n",
)


def test_applying_twice_changes_nothing(empty_address):
    migrations = read_migrations(packaged_migrations())
    assert apply_migrations(empty_address, migrations) == migrations
    assert apply_migrations(empty_address, migrations) == []


def test_the_numbers_of_the_migrations_are_consecutive():
    """The numbers 8 to 59 were never used; whoever adds a migration takes the next number."""
    versions = [migration.version for migration in read_migrations(packaged_migrations())]
    assert versions == [*range(1, 8), *range(60, 60 + len(versions) - 7)]


def test_a_warehouse_with_the_unused_phase_tables_loses_them_and_nothing_else(empty_address):
    migrations = read_migrations(packaged_migrations())
    migrations = [migration for migration in migrations if migration.version < 68]  # which uses two of the names again
    later = [migration for migration in migrations if migration.version >= 61]
    assert "drop_unused_phase_tables" in {migration.name for migration in later}
    with_tables = [migration for migration in migrations if migration.version < 61]
    apply_migrations(empty_address, with_tables)
    with connect(empty_address) as client:
        before = {name for (name,) in client.query("show tables").result_rows}
        client.command("insert into raw_suite (suite_id) values ('kept')")
    assert apply_migrations(empty_address, migrations) == later
    with connect(empty_address) as client:
        after = {name for (name,) in client.query("show tables").result_rows}
        assert client.query("select suite_id from raw_suite").result_rows == [("kept",)]
    assert before - after == {"raw_ngram_count", "raw_ngram_score", "raw_similarity"}
    assert after - before == set(list_tables(later)) - before


def test_checking_writes_nothing(empty_address):
    with connect(empty_address, needs_database=False) as client:
        client.command(f"create database {empty_address.database}")
    with connect(empty_address) as client:
        assert pending_migrations(client, [CREATE_ONE]) == [CREATE_ONE]
        assert client.query("show tables").result_rows == []


def test_only_what_is_missing_is_applied(empty_address):
    apply_migrations(empty_address, [CREATE_ONE])
    assert apply_migrations(empty_address, [CREATE_ONE, CREATE_TWO]) == [CREATE_TWO]


def test_a_migration_that_failed_half_way_continues_where_it_stopped(empty_address):
    text = CREATE_ONE.text + "insert into one (x) values (1);\ninsert into one (x) select x from later;\n"
    broken = Migration(1, "one", text)
    with pytest.raises(DatabaseError, match="later"):
        apply_migrations(empty_address, [broken])
    with connect(empty_address) as client:
        assert client.query("select statement_count, is_complete from schema_migration final").result_rows == [
            (2, False)
        ]
        assert pending_migrations(client, [broken]) == [broken]
        client.command("create table later (x Int32) engine = Memory")
    assert apply_migrations(empty_address, [broken]) == [broken]
    with connect(empty_address) as client:
        assert client.query("select x from one").result_rows == [(1,)]
        assert pending_migrations(client, [broken]) == []


def test_a_table_that_was_created_just_before_a_kill_causes_no_error(empty_address):
    with connect(empty_address, needs_database=False) as client:
        client.command(f"create database {empty_address.database}")
    with connect(empty_address) as client:
        client.command("create table one (x Int32) engine = MergeTree order by x")
    assert apply_migrations(empty_address, [CREATE_ONE]) == [CREATE_ONE]


def test_an_edited_migration_is_refused(empty_address):
    apply_migrations(empty_address, [CREATE_ONE])
    edited = Migration(1, "one", CREATE_ONE.text.replace("Int32", "Int64"))
    with pytest.raises(UsageError, match="0001_one was changed"):
        apply_migrations(empty_address, [edited])


def test_a_warehouse_with_a_newer_migration_is_refused(empty_address):
    apply_migrations(empty_address, [CREATE_ONE, CREATE_TWO])
    with pytest.raises(UsageError, match="0002, which is newer"):
        apply_migrations(empty_address, [CREATE_ONE])


def test_a_file_without_a_number_is_refused(tmp_path):
    (tmp_path / "create_things.sql").write_text("select 1;\n")
    with pytest.raises(BadInputError, match=r"create_things\.sql has no number"):
        read_migrations(tmp_path)


def test_two_files_with_one_number_are_refused(tmp_path):
    (tmp_path / "0001_a.sql").write_text("select 1;\n")
    (tmp_path / "0001_b.sql").write_text("select 1;\n")
    with pytest.raises(BadInputError, match=r"a and 0001_b\.sql share a number"):
        read_migrations(tmp_path)


def test_every_raw_table_and_column_has_a_comment_and_every_stored_number_a_type(client):
    without_comment = client.query(
        "select table, name from system.columns where database = currentDatabase() and comment = ''"
        " and table != 'schema_migration'"
    ).result_rows
    assert without_comment == []
    tables = client.query(
        "select name, comment from system.tables where database = currentDatabase() and startsWith(name, 'raw_')"
    ).result_rows
    statements = [
        statement for migration in read_migrations(packaged_migrations()) for statement in migration.statements
    ]
    remaining: set[str] = set()
    for statement in statements:
        remaining -= set(re.findall(r"\Adrop table (?:if exists )?(raw_\w+)", statement))
        remaining |= set(re.findall(r"\Acreate table (raw_\w+)", statement))
    assert {name for name, _ in tables} == remaining
    assert len(remaining) > 10
    assert [name for name, comment in tables if not comment.startswith("One row per")] == []

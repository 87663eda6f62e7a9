"""The schema is brought up to date: tables that are gone are made again, and a lost list of migrations is written."""

import pytest

from trailhouse.errors import UsageError
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.schema.initialisation import initialise, require_schema
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.schema.missing_tables import find_missing_tables, list_tables

MIGRATIONS = read_migrations(packaged_migrations())
# A migration that adds columns to a table. The tables of an earlier schema tell that it was not applied.
CHANGES_COLUMNS = 65
TABLES = list_tables(MIGRATIONS)


def read_definitions(client) -> dict[str, str]:
    return dict(
        client.query(
            "select name, replaceOne(create_table_query, concat(database, '.'), '') from system.tables"
            " where database = currentDatabase() order by name"
        ).result_rows
    )


def test_a_warehouse_that_lacks_a_migration_is_refused_with_the_command_that_helps(empty_address):
    migrations = read_migrations(packaged_migrations())
    apply_migrations(empty_address, migrations[:-1])
    with connect(empty_address) as client:
        with pytest.raises(
            UsageError, match=rf"lacks 1 of {len(migrations)} migrations, .*{migrations[-1].name}"
        ) as raised:
            require_schema(client)
        assert "trailhouse init" in raised.value.hint
        apply_migrations(empty_address, migrations)
        require_schema(client)


def test_the_tables_of_the_migrations_are_those_that_the_engine_has(client):
    assert sorted({*TABLES, "schema_migration"}) == list(read_definitions(client))


@pytest.mark.parametrize("dropped", [["raw_token_score"], ["raw_checkpoint", "raw_suite"], TABLES])
def test_a_table_that_is_gone_is_made_again_as_it_was_and_the_others_stay(dropped, address, client):
    before = read_definitions(client)
    if "raw_suite" not in dropped:
        client.command("insert into raw_suite (suite_id) values ('kept')")
    for table in dropped:
        client.command(f"drop table {table} sync")
    assert find_missing_tables(client, MIGRATIONS) == sorted(dropped)
    with pytest.raises(UsageError, match=f"lacks the tables {', '.join(sorted(dropped))}") as raised:
        require_schema(client)
    assert raised.value.hint == "run `trailhouse init`"
    change = initialise(address, MIGRATIONS)
    assert (change.applied, change.restored) == ([], sorted(dropped))
    assert read_definitions(client) == before
    if "raw_suite" not in dropped:
        assert client.query("select suite_id from raw_suite").result_rows == [("kept",)]
    assert client.query("show databases like 'schema_of_%'").result_rows == []
    require_schema(client)


@pytest.mark.parametrize(
    "loss", ["drop table {} sync", "truncate table {}", "delete from {} where 1", "delete from {} where version < 61"]
)
def test_a_lost_list_of_migrations_is_written_again_and_no_row_is_lost(loss, empty_address):
    initialise(empty_address, MIGRATIONS)
    with connect(empty_address) as client:
        client.command("insert into raw_option_score (model_id, step) values ('suite/model', 1)")
        client.command("drop table raw_token sync")
        client.command(loss.format("schema_migration"))
        change = initialise(empty_address, MIGRATIONS)
        assert (change.applied, change.restored) == ([], ["raw_token"])
        assert client.query("select model_id, step from raw_option_score").result_rows == [("suite/model", 1)]
        assert client.query("select count() from schema_migration final").result_rows == [(len(MIGRATIONS),)]
        require_schema(client)


def test_an_earlier_schema_whose_list_is_lost_is_refused_and_not_changed(empty_address):
    apply_migrations(empty_address, [migration for migration in MIGRATIONS if migration.version < CHANGES_COLUMNS])
    with connect(empty_address) as client:
        before = read_definitions(client)
        client.command("truncate table schema_migration")
        with pytest.raises(UsageError, match="list of its migrations") as raised:
            initialise(empty_address, MIGRATIONS)
        assert raised.value.hint == "restore a backup"
        assert read_definitions(client) == before


def test_a_warehouse_of_a_later_version_is_refused(empty_address):
    apply_migrations(empty_address, MIGRATIONS)
    with pytest.raises(UsageError, match=f"{MIGRATIONS[-1].version:04d}, which is newer"):
        initialise(empty_address, MIGRATIONS[:-1])

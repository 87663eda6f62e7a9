"""This module finds tables of the migrations that are gone, for example because somebody dropped them, and makes them.

A table that is gone is made again without its rows. Its definition is what all migrations together make of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import (
    Migration,
    apply_migration,
    list_applied_versions,
    make_ledger,
    read_applied,
    read_schema,
    translate,
    write_progress,
)

_SUBJECT = re.compile(r"\A(?P<verb>create|alter|drop) table (?:if (?:not )?exists )?(?P<name>\w+)")
_COLUMNS = "select table, name, type from system.columns where database = {database:String} order by all"


def list_tables(migrations: list[Migration]) -> list[str]:
    """Return the tables that exist after all migrations, ordered by name."""
    tables: set[str] = set()
    for migration in migrations:
        for statement in migration.statements:
            match = _SUBJECT.match(statement)
            if match is not None and match["verb"] == "create":
                tables.add(match["name"])
            elif match is not None and match["verb"] == "drop":
                tables.discard(match["name"])
    return sorted(tables)


def find_missing_tables(client: Client, migrations: list[Migration]) -> list[str]:
    """Return the tables of the applied migrations that the database of the client lacks, ordered by name."""
    applied = list_applied_versions(client)
    expected = list_tables([migration for migration in migrations if migration.version in applied])
    rows = client.query("select name from system.tables where database = currentDatabase()").result_rows
    present = {str(name) for (name,) in rows}
    return [table for table in expected if table not in present]


def restore_missing_tables(address: WarehouseAddress, migrations: list[Migration]) -> list[str]:
    """Make every table that the applied migrations made and that is gone, without rows. Return their names.

    On a single server, all migrations are applied to a database of their own, and the missing tables are moved from
    there, so that a table is either missing or complete. On a cluster, the statements about each missing table are run
    again.
    """
    with connect(address) as client:
        missing = find_missing_tables(client, migrations)
        if not missing:
            return []
        schema = read_schema(address, migrations)
        if schema is not None:
            for migration in migrations:
                for statement in migration.statements:
                    match = _SUBJECT.match(statement)
                    if match is not None and match["name"] in missing:
                        for translated in translate(statement, schema):
                            client.command(translated)
            return missing
        with _ModelSchema(address, migrations) as model:
            for table in missing:
                source, target = quote_identifier(model.database, table), quote_identifier(address.database, table)
                client.command(f"rename table {source} to {target}")
    return missing


def recover_schema_ledger(address: WarehouseAddress, migrations: list[Migration]) -> bool:
    """If the list of applied migrations is lost, write it again; return whether it was lost.

    The list is lost if the database has tables of the migrations and the list is empty, or lacks a migration before the
    last one in it. Without the list, migrations would be applied again, and some of them drop tables. The list is
    written if every table has the columns that all migrations together give it. Raises UsageError if a table has other
    columns, because it is then not known which migrations were applied, or if the tables are on a cluster.
    """
    with connect(address) as client:
        listed = set(read_applied(client))
        if listed and all(one.version in listed for one in migrations if one.version < max(listed)):
            return False
        found = client.query(_COLUMNS, parameters={"database": address.database}).result_rows
        expected = set(list_tables(migrations))
        stored = [tuple(row) for row in found if row[0] in expected]
        if not stored:
            return False
        refusal = UsageError(
            f"database {address.database} has raw tables, but the list of its migrations (schema_migration) is lost",
            "restore a backup",
        )
        if address.cluster:
            raise refusal
        with _ModelSchema(address, migrations) as model:
            tables = {row[0] for row in stored}
            made = client.query(_COLUMNS, parameters={"database": model.database}).result_rows
            if stored != [tuple(row) for row in made if row[0] in tables]:
                raise refusal
        make_ledger(client, None)
        for migration in migrations:
            write_progress(client, migration, len(migration.statements))
    return True


class _ModelSchema:
    """A database in which all migrations are applied, for as long as the block runs. ``database`` is its name."""

    def __init__(self, address: WarehouseAddress, migrations: list[Migration]) -> None:
        self.database = f"schema_of_{address.database}"
        self._address = replace(address, database=self.database)
        self._migrations = migrations

    def __enter__(self) -> _ModelSchema:
        self._drop()  # an earlier command may have been killed
        with connect(self._address, needs_database=False) as client:
            client.command(f"create database {quote_identifier(self.database)}")
        with connect(self._address) as client:
            make_ledger(client, None)
            for migration in self._migrations:
                apply_migration(client, migration, None)
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def _drop(self) -> None:
        with connect(self._address, needs_database=False) as client:
            client.command(f"drop database if exists {quote_identifier(self.database)} sync")

"""This module brings the schema of a warehouse up to date, and says what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import (
    Migration,
    apply_migrations,
    make_database,
    packaged_migrations,
    pending_migrations,
    read_applied,
    read_migrations,
    read_schema,
    refuse_later_schema,
)
from trailhouse.warehouse.schema.missing_tables import (
    find_missing_tables,
    recover_schema_ledger,
    restore_missing_tables,
)


@dataclass(frozen=True)
class SchemaChange:
    """The migrations that were applied, and the tables that were gone and were made again without rows."""

    applied: list[Migration]
    restored: list[str]


def initialise(address: WarehouseAddress, migrations: list[Migration]) -> SchemaChange:
    """Create the database, apply the missing migrations, and make tables again that are gone.

    Raises UsageError if the list of applied migrations is lost and cannot be written again.
    """
    make_database(address, read_schema(address, migrations))
    recover_schema_ledger(address, migrations)
    applied = apply_migrations(address, migrations)
    return SchemaChange(applied, restore_missing_tables(address, migrations))


def is_schema_missing(address: WarehouseAddress, migrations: list[Migration]) -> bool:
    """Return whether the warehouse is to be made: the raw tables are not all there, and none of them holds a row.

    This is so for a new warehouse, and for one whose making was interrupted. The schema of an earlier version is not
    missing if it holds rows.

    Raises UsageError if the warehouse has a migration that this version of Trailhouse does not know.
    """
    with connect(address, needs_database=False) as client:
        tables = client.query(
            "select name, ifNull(total_rows, 0) from system.tables where database = {database:String}"
            " and (name = 'schema_migration' or startsWith(name, 'raw_'))",
            parameters={"database": address.database},
        ).result_rows
    if not tables:
        return True
    holds_rows = any(count for name, count in tables if name != "schema_migration")
    with connect(address) as client:
        if holds_rows:
            refuse_later_schema(read_applied(client), migrations)
            return False
        return bool(pending_migrations(client, migrations) or find_missing_tables(client, migrations))


def require_schema(client: Client) -> None:
    """Raise UsageError unless the warehouse has the schema of this version of Trailhouse, and all of its tables.

    The error says whether the schema is older or newer than this version, or which tables are gone.
    """
    migrations = read_migrations(packaged_migrations())
    pending = pending_migrations(client, migrations)
    if pending:
        raise UsageError(
            f"the warehouse lacks {len(pending)} of {len(migrations)} migrations,"
            f" the first is {pending[0].version:04d}_{pending[0].name}",
            "run `trailhouse init`",
        )
    if missing := find_missing_tables(client, migrations):
        raise UsageError(f"the warehouse lacks the tables {', '.join(missing)}", "run `trailhouse init`")

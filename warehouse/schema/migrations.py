"""This module applies schema migrations, which are numbered SQL files. Each migration is applied once, in order.

The table ``schema_migration`` lists the applied migrations, with the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import WarehouseAddress, as_text, connect, read_row
from trailhouse.warehouse.schema.cluster import ClusterSchema

CREATE_LEDGER = """
create table if not exists schema_migration (
    version Int32 comment 'Number of the migration',
    name String comment 'What the migration does',
    migration_sha256 FixedString(64) comment 'SHA-256 of the file that was applied',
    statement_count Int32 comment 'Statements applied so far; all of them once the migration is done',
    is_complete Bool comment 'False while the migration runs, and after it failed',
    applied_at DateTime64(3, 'UTC') default now64(3) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(applied_at)
order by version
comment 'One row per schema migration that was begun'
"""
FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered migration file."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's text, as 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The SQL statements of the file. Each statement ends with a semicolon at the end of a line."""
        return [part.strip() for part in re.split(r";[ \t]*(?:\n|$)", self.text) if part.strip()]


@dataclass(frozen=True)
class AppliedMigration:
    """The row of ``schema_migration`` for one migration that was applied, completely or only in part."""

    sha256: str
    statement_count: int
    is_complete: bool


def packaged_migrations() -> Traversable:
    """Return the folder of the migrations that are part of Trailhouse."""
    return resources.files("trailhouse") / "sql" / "migrations"


def read_migrations(folder: Traversable) -> list[Migration]:
    """Read the migrations of a folder, in the order of their numbers.

    Raises BadInputError if the name of a file has no number, or if two files have the same number.
    """
    migrations: dict[int, Migration] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        match = FILE_NAME.fullmatch(file.name)
        if match is None:
            raise BadInputError(f"migration {file.name} has no number", "name it NNNN_what_it_does.sql")
        version = int(match.group(1))
        if version in migrations:
            raise BadInputError(f"migrations {migrations[version].name} and {file.name} share a number", "renumber one")
        migrations[version] = Migration(version, match.group(2), file.read_text(encoding="utf-8"))
    return list(migrations.values())


def pending_migrations(client: Client, migrations: list[Migration]) -> list[Migration]:
    """Return the migrations that were not applied, or were applied only in part. Nothing is written.

    Raises UsageError if the file of an applied migration was changed, or if the warehouse has a migration that this
    version of Trailhouse does not know.
    """
    applied = read_applied(client)
    refuse_later_schema(applied, migrations)
    for migration in migrations:
        state = applied.get(migration.version)
        if state is not None and state.sha256 != migration.sha256:
            raise UsageError(
                f"migration {migration.version:04d}_{migration.name} was changed after it was applied",
                "restore the file and put the change into a new migration",
            )
    return [m for m in migrations if m.version not in applied or not applied[m.version].is_complete]


def refuse_later_schema(applied: Mapping[int, AppliedMigration], migrations: list[Migration]) -> None:
    """Raise UsageError if a migration was applied that this version of Trailhouse does not know."""
    unknown = sorted(set(applied) - {migration.version for migration in migrations})
    if unknown:
        raise UsageError(
            f"the warehouse has migration {unknown[0]:04d}, which is newer than this Trailhouse", "upgrade Trailhouse"
        )


def apply_migrations(address: WarehouseAddress, migrations: list[Migration]) -> list[Migration]:
    """Create the database and apply the missing migrations; return the migrations that this call applied.

    Commands call ``initialise``, which also makes tables again that are gone. The number of finished statements is
    stored after each statement, so that an interrupted migration continues where it stopped. If the address names a
    cluster, the tables are created on this cluster; see :mod:`trailhouse.warehouse.schema.cluster`.
    """
    schema = read_schema(address, migrations)
    make_database(address, schema)
    with connect(address) as client:
        make_ledger(client, schema)
        pending = pending_migrations(client, migrations)
        for migration in pending:
            apply_migration(client, migration, schema)
    return pending


def make_database(address: WarehouseAddress, schema: ClusterSchema | None) -> None:
    """Create the database, unless it exists."""
    on_cluster = f" {schema.on_cluster}" if schema is not None else ""
    with connect(address, needs_database=False) as client:
        client.command(f"create database if not exists {quote_identifier(address.database)}{on_cluster}")


def make_ledger(client: Client, schema: ClusterSchema | None) -> None:
    """Create the table ``schema_migration``, unless it exists."""
    for translated in translate(CREATE_LEDGER.strip(), schema):
        client.command(translated)


def read_schema(address: WarehouseAddress, migrations: list[Migration]) -> ClusterSchema | None:
    """Return the translator of schema statements for the cluster of ``address``; None if it names no cluster."""
    if not address.cluster:
        return None
    statements = [statement for migration in migrations for statement in migration.statements]
    return ClusterSchema.read(address.cluster, address.database, statements)


def translate(statement: str, schema: ClusterSchema | None) -> list[str]:
    """Return the statements to run for one statement of a migration.

    Without a cluster (``schema`` is None), the result is the statement itself, changed so that it can be run
    repeatedly. On a cluster, the result is the statements that ``schema`` makes of it, one for each table it needs.
    """
    repeatable = make_repeatable(statement)
    return [repeatable] if schema is None else schema.write(repeatable)


def apply_migration(client: Client, migration: Migration, schema: ClusterSchema | None) -> None:
    """Run the statements of a migration that were not run yet."""
    done = read_applied(client).get(migration.version)
    first = done.statement_count if done is not None else 0
    for index, statement in enumerate(migration.statements):
        if index >= first:
            for translated in translate(statement, schema):
                client.command(translated)
            write_progress(client, migration, index + 1)


def make_repeatable(statement: str) -> str:
    """Add IF NOT EXISTS to a CREATE statement, so that the statement can be run again.

    `trailhouse init` runs the statement again if an earlier `trailhouse init` was killed after it created the table and
    before it stored its progress.
    """
    return re.sub(r"\A(create (?:table|view|materialized view)) (?!if not exists)", r"\1 if not exists ", statement)


def write_progress(client: Client, migration: Migration, statement_count: int) -> None:
    """Store in ``schema_migration`` how many statements of a migration were run."""
    client.insert(
        "schema_migration",
        [[migration.version, migration.name, migration.sha256, statement_count,
          statement_count == len(migration.statements)]],
        column_names=["version", "name", "migration_sha256", "statement_count", "is_complete"],
    )  # fmt: skip


def list_applied_versions(client: Client) -> set[int]:
    """Return the numbers of the migrations that were applied completely."""
    return {version for version, applied in read_applied(client).items() if applied.is_complete}


def read_applied(client: Client) -> dict[int, AppliedMigration]:
    """Return the rows of ``schema_migration`` by version; empty if the warehouse was never initialised."""
    if not read_row(client, "exists table schema_migration")[0]:
        return {}
    rows = client.query(
        "select version, migration_sha256, statement_count, is_complete from schema_migration final order by version"
    ).result_rows
    return {
        version: AppliedMigration(as_text(sha256), statement_count, is_complete)
        for version, sha256, statement_count, is_complete in rows
    }

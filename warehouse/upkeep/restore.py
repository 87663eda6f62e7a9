"""Restoring: a backup becomes a new database, is compared with its manifest, and only then takes its place."""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.upkeep.backup import BackupTable, Manifest, Progress, read_manifest, verify_files
from trailhouse.warehouse.upkeep.table_digest import read_digest

_INSERT_SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 0}
_PIECE_BYTES = 1 << 20


def restore(
    address: WarehouseAddress, directory: Path, *, replaces: bool = False, progress: Progress = lambda *_: None
) -> Manifest:
    """Make the database of ``address`` what the backup says.

    Everything is verified before anything is replaced: files against the manifest, then the restored tables in
    a database of their own against it. Raises BadInputError for a damaged backup, UsageError where the database
    holds rows already and ``replaces`` is False, and where it is on a cluster.
    """
    manifest = read_manifest(directory)
    with connect(address, needs_database=False) as client:
        refuse_cluster(client, address.database, address.cluster)
        if not replaces and (table := find_filled_table(client, address.database)):
            raise UsageError(
                f"the database {address.database} is not empty: {table} holds rows",
                "add --force to replace it, or restore into another database",
            )
        verify_files(directory, manifest, progress)
        staging = f"restored_{address.database}_{uuid.uuid4().hex[:8]}"
        client.command(f"create database {quote_identifier(staging)}")
        try:
            with connect(replace(address, database=staging)) as staged:
                fill_database(staged, directory, manifest, progress)
            for name, definition in manifest.views.items():
                text = rename_references(definition, manifest.database, address.database)
                client.command(place_definition(text, name, staging))
            exchange_databases(client, staging, address.database)
        finally:
            client.command(f"drop database if exists {quote_identifier(staging)} sync")
    return manifest


def find_filled_table(client: Client, database: str) -> str:
    """A table of the database that holds rows, the record of migrations left out; empty where there is none."""
    rows = client.query(
        "select table from system.parts where active and database = {database:String} and rows > 0"
        " and table != 'schema_migration' order by table limit 1",
        parameters={"database": database},
    ).result_rows
    return str(rows[0][0]) if rows else ""


def fill_database(client: Client, directory: Path, manifest: Manifest, progress: Progress) -> None:
    """Make the tables, insert their files and compare. Raises BadInputError naming a table that differs."""
    for table in manifest.tables:
        client.command(place_definition(table.definition, table.name, str(client.database)))
    for index, file in enumerate(manifest.files):
        progress("Restoring", index, len(manifest.files), file.table)
        client.raw_insert(
            quote_identifier(file.table),
            insert_block=_read_pieces(directory / file.path),
            fmt="Native",
            compression="zstd",
            settings=_INSERT_SETTINGS,
        )
    progress("Restoring", len(manifest.files), len(manifest.files), "")
    for table in manifest.tables:
        compare_table(client, table)


def compare_table(client: Client, table: BackupTable) -> None:
    """Raise BadInputError where the restored table is not what was backed up."""
    found = read_digest(client, table.name, table.engine)
    if found != table.digest:
        raise BadInputError(
            f"{table.name} has {found.row_count} rows after restoring, or others than the {table.row_count} backed up",
            "use another backup, or the engine version that wrote this one",
        )


def place_definition(definition: str, name: str, database: str) -> str:
    """The statement that makes a table or view of the same name in another database."""
    match = re.match(r"(CREATE (?:TABLE|VIEW|MATERIALIZED VIEW)) \S+", definition)
    if match is None:
        raise BadInputError(f"the backup does not say how {name} is made: {definition[:60]}", "use another backup")
    return f"{match.group(1)} {quote_identifier(database)}.{quote_identifier(name)}{definition[match.end() :]}"


def rename_references(definition: str, old: str, new: str) -> str:
    """Let a view read from another database of the same tables."""
    if old == new:
        return definition
    return re.sub(
        rf"(?<![\w.`'])(?:`{re.escape(old)}`|{re.escape(old)})\.(?=[\w`])", f"{quote_identifier(new)}.", definition
    )


def exchange_databases(client: Client, new: str, name: str) -> None:
    """Give a database its name; what had it before is dropped afterwards."""
    replaced = f"replaced_{name}_{uuid.uuid4().hex[:8]}"
    if client.query("exists database " + quote_identifier(name)).result_rows[0][0]:
        client.command(f"rename database {quote_identifier(name)} to {quote_identifier(replaced)}")
    client.command(f"rename database {quote_identifier(new)} to {quote_identifier(name)}")
    client.command(f"drop database if exists {quote_identifier(replaced)} sync")


def _read_pieces(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while data := file.read(_PIECE_BYTES):
            yield data

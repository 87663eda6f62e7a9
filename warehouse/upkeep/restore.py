"""This module restores a backup. It fills a new database, compares it with the manifest, and then renames it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.upkeep.backup_chain import SourceFile, list_sources, verify_sources
from trailhouse.warehouse.upkeep.backup_manifest import BackupTable, Manifest, Progress, read_manifest
from trailhouse.warehouse.upkeep.large_tables import ANY_SIZE, drop_database
from trailhouse.warehouse.upkeep.parallel_clients import run_parallel
from trailhouse.warehouse.upkeep.table_digest import read_digest

_INSERT_SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 0}
_PIECE_BYTES = 1 << 20
# Prefix of the tables that hold the rows of a file from which only some partitions are restored.
_LOADED_PREFIX = "loaded_"
_DEFINER = re.compile(r" DEFINER = (?:`(?:[^`\\]|\\.)*`|\w+) SQL SECURITY DEFINER\b")


def restore(
    address: WarehouseAddress, directory: Path, *, replaces: bool = False, progress: Progress = lambda *_: None
) -> Manifest:
    """Replace the database of ``address`` by the content of a backup.

    If the backup takes partitions from earlier backups, their files are read, too. First the files are compared with
    the manifests. Then the tables are restored into a new database and compared with the manifest. Only then does the
    new database replace the old database.

    Raises BadInputError if the backup, or an earlier backup that it needs, is missing or damaged. Raises UsageError if
    the database is on a cluster, or if it has rows and ``replaces`` is False.
    """
    manifest = read_manifest(directory)
    sources = list_sources(directory, manifest)
    with connect(address, needs_database=False) as client:
        refuse_cluster(client, address.database, address.cluster)
        if not replaces and (table := find_filled_table(client, address.database)):
            raise UsageError(
                f"the database {address.database} is not empty: {table} holds rows",
                "add --force to replace it, or restore into another database",
            )
        verify_sources(sources, progress)
        restored = f"restored_{address.database}_{uuid.uuid4().hex[:8]}"
        client.command(f"create database {quote_identifier(restored)}")
        try:
            fill_database(replace(address, database=restored), manifest, sources, progress)
            for name, definition in manifest.views.items():
                text = replace_definer(rename_references(definition, manifest.database, address.database))
                client.command(move_definition(text, name, restored))
            exchange_databases(client, restored, address.database)
        finally:
            drop_database(client, restored)
    return manifest


def find_filled_table(client: Client, database: str) -> str:
    """Return the name of a table that has rows; empty if there is none. The table ``schema_migration`` is ignored."""
    rows = client.query(
        "select table from system.parts where active and database = {database:String} and rows > 0"
        " and table != 'schema_migration' order by table limit 1",
        parameters={"database": database},
    ).result_rows
    return str(rows[0][0]) if rows else ""


def fill_database(
    address: WarehouseAddress, manifest: Manifest, sources: Sequence[SourceFile], progress: Progress
) -> None:
    """Create the tables of a backup, insert the rows of its files, and compare the digests of the tables.

    Raises BadInputError, which names the first table whose digest differs from the manifest.
    """
    with connect(address) as client:
        for table in manifest.tables:
            client.command(move_definition(table.definition, table.name, address.database))
        done = 0
        progress("Restoring", done, len(sources), "")
        for number, _ in run_parallel(address, insert_file, sources):
            done += 1
            progress("Restoring", done, len(sources), f"files, {sources[number].file.table}")
        for table in manifest.tables:
            compare_table(client, table)


def insert_file(client: Client, source: SourceFile) -> None:
    """Insert the rows of a file. If it has partitions that changed later, these are left out."""
    table = quote_identifier(source.file.table)
    if not source.unwanted_ids:
        _insert_rows(client, table, source.path)
        return
    loaded = quote_identifier(f"{_LOADED_PREFIX}{uuid.uuid4().hex}")
    client.command(f"create table {loaded} as {table}")
    _insert_rows(client, loaded, source.path)
    drops = ", ".join(f"drop partition id {quote_literal(partition_id)}" for partition_id in source.unwanted_ids)
    client.command(f"alter table {loaded} {drops}", settings=ANY_SIZE)
    client.command(f"alter table {table} attach partition all from {loaded}")
    client.command(f"drop table {loaded} sync", settings=ANY_SIZE)


def _insert_rows(client: Client, table: str, path: Path) -> None:
    client.raw_insert(
        table, insert_block=_read_pieces(path), fmt="Native", compression="zstd", settings=_INSERT_SETTINGS
    )


def compare_table(client: Client, table: BackupTable) -> None:
    """Raise BadInputError if the digest of the restored table differs from the manifest."""
    found = read_digest(client, table.name, table.engine)
    if found != table.digest:
        raise BadInputError(
            f"{table.name} has other rows after restoring ({found.row_count}) than were backed up ({table.row_count})",
            "use another backup, or the ClickHouse version that wrote this one",
        )


def move_definition(definition: str, name: str, database: str) -> str:
    """Change a CREATE statement so that it creates the table or view ``name`` in ``database``. Return the result."""
    match = re.match(r"(CREATE (?:TABLE|VIEW|MATERIALIZED VIEW)) \S+", definition)
    if match is None:
        raise BadInputError(f"the backup has no CREATE statement for {name}: {definition[:60]}", "use another backup")
    return f"{match.group(1)} {quote_identifier(database)}.{quote_identifier(name)}{definition[match.end() :]}"


def rename_references(definition: str, old: str, new: str) -> str:
    """Replace the database ``old`` by ``new`` in the table names of a view's definition."""
    if old == new:
        return definition
    return re.sub(
        rf"(?<![\w.`'])(?:`{re.escape(old)}`|{re.escape(old)})\.(?=[\w`])", f"{quote_identifier(new)}.", definition
    )


def replace_definer(definition: str) -> str:
    """Make the user who restores the definer of a view, because the earlier definer may not exist in this warehouse."""
    head, separator, query = definition.partition(" AS ")
    return _DEFINER.sub(" DEFINER = CURRENT_USER SQL SECURITY DEFINER", head) + separator + query


def exchange_databases(client: Client, new: str, name: str) -> None:
    """Rename the database ``new`` to ``name``. If a database ``name`` exists, it is dropped."""
    replaced = f"replaced_{name}_{uuid.uuid4().hex[:8]}"
    if client.query("exists database " + quote_identifier(name)).result_rows[0][0]:
        client.command(f"rename database {quote_identifier(name)} to {quote_identifier(replaced)}")
    client.command(f"rename database {quote_identifier(new)} to {quote_identifier(name)}")
    drop_database(client, replaced)


def _read_pieces(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while data := file.read(_PIECE_BYTES):
            yield data

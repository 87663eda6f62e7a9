"""This module writes backups. A backup is a directory with the rows of every table and a manifest.

    .copy.1a2b3c4d.partial/   data files first, manifest last
    copy/                     the same directory, renamed once it is complete

A directory without a manifest is not a backup. Rows are read by queries, so that the embedded warehouse and a
ClickHouse server are backed up in the same way. The manifest has the SHA-256 of every file, and the digest of every
table, which the warehouse computes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backports import zstd
from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.loading.partition_load import STAGING_PREFIX
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.upkeep.backup_manifest import (
    MANIFEST,
    BackupFile,
    BackupTable,
    Manifest,
    Progress,
    format_manifest,
)
from trailhouse.warehouse.upkeep.table_digest import (
    final_clause,
    list_stored_columns,
    list_stored_tables,
    read_digest,
)

_PIECE_BYTES = 1 << 20


def back_up(client: Client, directory: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Copy the database of the client into the new directory ``directory``, which appears when the copy is complete.

    Raises UsageError if the directory exists or cannot be written, if a table changed during the copy, or if the
    warehouse is on a cluster, because one node of a cluster has only a part of the rows.
    """
    if directory.exists():
        raise UsageError(f"{directory} exists", "name a new directory")
    refuse_cluster(client, str(client.database))
    partial = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        (partial / "data").mkdir(parents=True)
        manifest = copy_tables(client, partial, progress)
        write_manifest(partial, manifest)
        partial.rename(directory)
        _sync_directory(directory.parent)
    except OSError as error:
        raise UsageError(f"the backup cannot be written: {error}", "name a directory with enough space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def copy_tables(client: Client, directory: Path, progress: Progress) -> Manifest:
    """Write the files of all tables and return the manifest that describes them.

    Raises UsageError if a table changed while the files were written.
    """
    engines = list_stored_tables(client)
    before = {name: read_digest(client, name, engine) for name, engine in engines.items()}
    files: list[BackupFile] = []
    for index, (name, engine) in enumerate(engines.items()):
        progress("Backing up", index, len(engines), name)
        files += [
            copy_partition(client, name, engine, partition_id, directory)
            for partition_id in list_partitions(client, name)
        ]
    progress("Backing up", len(engines), len(engines), "")
    changed = [name for name, engine in engines.items() if read_digest(client, name, engine) != before[name]]
    if changed or list_stored_tables(client) != engines:
        raise UsageError(
            f"the warehouse changed during the backup: {', '.join(changed) or 'tables were created or dropped'}",
            "run it again when nothing is loaded or transformed",
        )
    definitions = read_definitions(client)
    return Manifest(
        database=str(client.command("select currentDatabase()")),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        engine_version=str(client.server_version),
        tables=tuple(
            BackupTable(name, engine, definitions[name], before[name].row_count, before[name].content_hash)
            for name, engine in engines.items()
        ),
        views={name: text for name, text in definitions.items() if name not in engines},
        files=tuple(files),
    )


def list_partitions(client: Client, table: str) -> list[str]:
    """Return the ids of a table's partitions. Partitions without rows are left out."""
    rows = client.query(
        "select distinct partition_id from system.parts where active and database = currentDatabase()"
        " and table = {table:String} and rows > 0 order by partition_id",
        parameters={"table": table},
    ).result_rows
    return [str(partition_id) for (partition_id,) in rows]


def copy_partition(client: Client, table: str, engine: str, partition_id: str, directory: Path) -> BackupFile:
    """Write the rows of one partition to a new file below ``directory`` and return its description."""
    columns = ", ".join(quote_identifier(name) for name in list_stored_columns(client, table))
    stream: Any = client.raw_stream(
        f"select {columns} from {quote_identifier(table)}{final_clause(engine)}"
        " where _partition_id = {partition_id:String}",
        parameters={"partition_id": partition_id},
        fmt="Native",
    )
    path = f"data/{hashlib.sha256(f'{table}/{partition_id}'.encode()).hexdigest()[:32]}.native.zst"
    file_hash = hashlib.sha256()
    size_bytes = 0
    compressor = zstd.ZstdCompressor()
    with stream, (directory / path).open("xb") as file:
        for piece in _compress(stream.read, compressor):
            file_hash.update(piece)
            size_bytes += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return BackupFile(path, table, size_bytes, file_hash.hexdigest())


def _compress(read: Callable[[int], bytes], compressor: zstd.ZstdCompressor) -> Iterator[bytes]:
    while data := read(_PIECE_BYTES):
        yield compressor.compress(data)
    yield compressor.flush()


def read_definitions(client: Client) -> dict[str, str]:
    """Return the CREATE statements of the tables and views of the database, by name. Staging tables are left out."""
    rows = client.query(
        "select name, create_table_query from system.tables where database = currentDatabase()"
        " and (engine like '%MergeTree' or engine like '%View') and not startsWith(name, {prefix:String})"
        " order by name",
        parameters={"prefix": STAGING_PREFIX},
    ).result_rows
    return {str(name): str(text) for name, text in rows}


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest to the directory of a backup, and flush both to disk. The caller renames the directory."""
    with (directory / MANIFEST).open("x", encoding="utf-8") as file:
        file.write(format_manifest(manifest))
        file.flush()
        os.fsync(file.fileno())
    _sync_directory(directory / "data")
    _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

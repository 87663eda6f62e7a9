"""Backups: a directory with every table as Native files and a manifest that says what they must hold.

copy.partial/  data, definitions, manifest last ── rename ──▶ copy/      a directory without manifest is no backup

The copy goes through the client, so that an embedded warehouse and a server are backed up alike, and every
file and every table is checked with hashes that were taken from the warehouse itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backports import zstd
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.upkeep.table_digest import (
    TableDigest,
    final_clause,
    list_stored_columns,
    list_stored_tables,
    read_digest,
)

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_PIECE_BYTES = 1 << 20

# name of the work, parts done, parts in all, what is done now
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class BackupFile:
    """One file of a backup: rows of one partition of a table, Native format, compressed with zstd."""

    path: str
    table: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class BackupTable:
    """A table: how it is made, and what it holds."""

    name: str
    engine: str
    definition: str
    row_count: int
    content_hash: int

    @property
    def digest(self) -> TableDigest:
        """What a restored table has to hold."""
        return TableDigest(self.row_count, self.content_hash)


@dataclass(frozen=True)
class Manifest:
    """What a backup consists of."""

    database: str
    created_at: str
    engine_version: str
    tables: tuple[BackupTable, ...]
    views: Mapping[str, str]
    files: tuple[BackupFile, ...]

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(table.row_count for table in self.tables)

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def back_up(client: Client, directory: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Copy the database of the client into ``directory``, which must not exist; it appears whole or not at all.

    Raises UsageError where the directory exists, cannot be written, or a table changed while it was copied, and
    for a warehouse on a cluster, of which one node holds a part.
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
        _sync(directory.parent)
    except OSError as error:
        raise UsageError(f"the backup cannot be written: {error}", "name a directory with enough space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def copy_tables(client: Client, directory: Path, progress: Progress) -> Manifest:
    """Write the files of all tables; the manifest is what they are to be checked with."""
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
            f"the warehouse changed during the backup: {', '.join(changed) or 'tables were made or dropped'}",
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
    """Identifiers of the partitions of a table that hold rows."""
    rows = client.query(
        "select distinct partition_id from system.parts where active and database = currentDatabase()"
        " and table = {table:String} and rows > 0 order by partition_id",
        parameters={"table": table},
    ).result_rows
    return [str(partition_id) for (partition_id,) in rows]


def copy_partition(client: Client, table: str, engine: str, partition_id: str, directory: Path) -> BackupFile:
    """Write the rows of one partition, hashed as they are written."""
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
        for piece in _pieces(stream.read, compressor):
            file_hash.update(piece)
            size_bytes += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return BackupFile(path, table, size_bytes, file_hash.hexdigest())


def _pieces(read: Callable[[int], bytes], compressor: zstd.ZstdCompressor) -> Iterator[bytes]:
    while data := read(_PIECE_BYTES):
        yield compressor.compress(data)
    yield compressor.flush()


def read_definitions(client: Client) -> dict[str, str]:
    """How every table and view of the database is made, staging tables left out."""
    rows = client.query(
        "select name, create_table_query from system.tables where database = currentDatabase()"
        " and not startsWith(name, 'stage_') and (engine like '%MergeTree' or engine like '%View') order by name"
    ).result_rows
    return {str(name): str(text) for name, text in rows}


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest with a hash of its own."""
    content = {"format": FORMAT_VERSION, **asdict(manifest)}
    text = json.dumps({**content, "manifest_sha256": _hash_content(content)}, indent=1, ensure_ascii=False)
    with (directory / MANIFEST).open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync(directory / "data")
    _sync(directory)


def read_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of a backup. Raises BadInputError where there is none, or it was altered."""
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        written_hash = content.pop("manifest_sha256")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadInputError(f"{directory} holds no backup: {path} cannot be read", "name a whole backup") from error
    if _hash_content(content) != written_hash:
        raise BadInputError(f"{path} was altered or damaged", "use another backup")
    if content.pop("format") != FORMAT_VERSION:
        raise BadInputError(f"{path} was written by a newer Trailhouse", "install that version")
    tables = tuple(BackupTable(**table) for table in content.pop("tables"))
    return Manifest(tables=tables, files=tuple(BackupFile(**file) for file in content.pop("files")), **content)


def verify_files(directory: Path, manifest: Manifest, progress: Progress = lambda *_: None) -> None:
    """Read every file and compare it with the manifest. Raises BadInputError naming the first that differs."""
    for index, file in enumerate(manifest.files):
        progress("Verifying", index, len(manifest.files), file.table)
        path = directory / file.path
        try:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise BadInputError(f"{path}, rows of {file.table}, cannot be read", "use another backup") from error
        if found != file.sha256:
            raise BadInputError(f"{path}, rows of {file.table}, was altered or damaged", "use another backup")
    progress("Verifying", len(manifest.files), len(manifest.files), "")


def _hash_content(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""This module writes backups. A backup is a directory with the rows of every table and a manifest.

    .copy.1a2b3c4d.partial/   data files first, manifest last
    copy/                     the same directory, renamed once it is complete

A directory without a manifest is not a backup. The rows are read from a snapshot of the tables, so that checkpoints may
be scored meanwhile. Rows are read by queries, so that the embedded warehouse and a ClickHouse server are backed up in
the same way. The manifest has the SHA-256 of every file, and the digest of every partition, which the warehouse
computes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backports import zstd
from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.upkeep.backup_chain import Earlier
from trailhouse.warehouse.upkeep.backup_manifest import (
    MANIFEST,
    BackupFile,
    BackupTable,
    Manifest,
    Progress,
    format_manifest,
)
from trailhouse.warehouse.upkeep.backup_plan import WHOLE_TABLE, StoredPartition, TablePlan, name_file, plan_table
from trailhouse.warehouse.upkeep.parallel_clients import run_parallel
from trailhouse.warehouse.upkeep.snapshot import Snapshot, open_snapshot
from trailhouse.warehouse.upkeep.table_digest import add_digests, final_clause, list_stored_columns

_PIECE_BYTES = 1 << 20


def back_up(
    address: WarehouseAddress, directory: Path, *, since: Path | None = None, progress: Progress = lambda *_: None
) -> Manifest:
    """Copy the database of ``address`` into the new directory ``directory``, which appears when the copy is complete.

    If ``since`` is the directory of an earlier backup, only the partitions that changed since then are copied.

    Raises UsageError if the directory exists or cannot be written, if the warehouse is on a cluster, because one node
    of a cluster has only a part of the rows, or if corpora, tasks or the schema change during the first seconds.
    Raises BadInputError if the earlier backup, or one that it needs, is missing or altered.
    """
    if directory.exists():
        raise UsageError(f"{directory} exists", "name a new directory")
    earlier = Earlier.read(since) if since is not None else None
    with connect(address) as client:
        refuse_cluster(client, address.database, address.cluster)
    partial = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        (partial / "data").mkdir(parents=True)
        with open_snapshot(address, progress) as snapshot:
            manifest = copy_tables(snapshot, address.database, partial, earlier, progress)
        if earlier is not None:
            manifest = earlier.keep_used(manifest, directory)
        write_manifest(partial, manifest)
        partial.rename(directory)
        _sync_directory(directory.parent)
    except OSError as error:
        raise UsageError(f"the backup cannot be written: {error}", "name a directory with enough space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def copy_tables(
    snapshot: Snapshot, database: str, directory: Path, earlier: Earlier | None, progress: Progress
) -> Manifest:
    """Write the files of all tables and return the manifest that describes them."""
    with connect(snapshot.address) as client:
        engine_version = str(client.server_version)
        plans = []
        for index, (table, engine) in enumerate(snapshot.engines.items()):
            progress("Comparing", index, len(snapshot.engines), table)
            plans.append(plan_table(client, table, engine, earlier))
        progress("Comparing", len(plans), len(plans), "")
    files = write_files(snapshot.address, plans, directory, progress)
    tables = []
    for plan in plans:
        digest = add_digests(partition.digest for partition in plan.partitions)
        definition = snapshot.definitions[plan.table]
        tables.append(
            BackupTable(
                plan.table,
                plan.engine,
                definition,
                digest.row_count,
                digest.content_hash,
                plan.columns_hash,
                plan.partitions,
            )
        )
    return Manifest(
        database=database,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        engine_version=engine_version,
        tables=tuple(tables),
        views={name: text for name, text in snapshot.definitions.items() if "VIEW" in text.split(maxsplit=3)[:3]},
        files=tuple(files),
        left_out_count=snapshot.left_out_count,
    )


def write_files(
    address: WarehouseAddress, plans: Iterable[TablePlan], directory: Path, progress: Progress
) -> list[BackupFile]:
    """Write the files of the plans, several at a time, and return their descriptions in the order of the plans."""
    jobs = [(plan, pack) for plan in plans for pack in plan.packs]
    total = sum(len(pack) for _, pack in jobs)
    done, size_bytes = 0, 0

    def copy(client: Client, job: tuple[TablePlan, tuple[StoredPartition, ...]]) -> BackupFile:
        return copy_pack(client, *job, directory)

    files: dict[int, BackupFile] = {}
    progress("Backing up", done, total, "")
    for number, file in run_parallel(address, copy, jobs):
        files[number] = file
        done, size_bytes = done + len(jobs[number][1]), size_bytes + file.size_bytes
        progress("Backing up", done, total, f"partitions, {size_bytes / 1e6:.1f} MB, {file.table}")
    return [files[number] for number in range(len(jobs))]


def copy_pack(client: Client, plan: TablePlan, pack: tuple[StoredPartition, ...], directory: Path) -> BackupFile:
    """Write the rows of some partitions to a new file below ``directory`` and return its description.

    One thread of the server reads them, part after part, so that a restore finds the rows of a partition together.
    """
    columns = ", ".join(quote_identifier(name) for name in list_stored_columns(client, plan.table))
    partition_ids = tuple(partition.partition_id for partition in pack)
    condition = "" if partition_ids == (WHOLE_TABLE,) else " where _partition_id in {partition_ids:Array(String)}"
    stream: Any = client.raw_stream(
        f"select {columns} from {quote_identifier(plan.table)}{final_clause(plan.engine)}{condition}",
        parameters={"partition_ids": list(partition_ids)},
        settings={"max_threads": 1},
        fmt="Native",
    )
    path = name_file(plan.table, pack)
    file_hash = hashlib.sha256()
    size_bytes = 0
    compressor = zstd.ZstdCompressor()
    with stream, (directory / path).open("xb") as file:
        for piece in _compress(stream.read, compressor):
            file_hash.update(piece)
            size_bytes += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return BackupFile(path, plan.table, size_bytes, file_hash.hexdigest(), partition_ids)


def _compress(read: Callable[[int], bytes], compressor: zstd.ZstdCompressor) -> Iterator[bytes]:
    while data := read(_PIECE_BYTES):
        yield compressor.compress(data)
    yield compressor.flush()


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

"""This module decides which partitions a backup copies, and which partitions share a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.upkeep.backup_chain import Earlier
from trailhouse.warehouse.upkeep.backup_manifest import BackupPartition
from trailhouse.warehouse.upkeep.table_digest import final_clause, read_digest, read_partition_digests

# Partitions are packed into one file until they take so many bytes in the warehouse. A larger partition has its own.
PACK_BYTES = 128 << 20
# A statement names at most so many partitions.
PACK_PARTITIONS = 1000
WHOLE_TABLE = ""
"""The partition id of a ReplacingMergeTree table. It is copied as a whole: a key may have rows in two partitions."""


@dataclass(frozen=True)
class StoredPartition:
    """A partition of a table that holds rows: its size in the warehouse, and the hash of the files that hold it."""

    partition_id: str
    size_bytes: int
    parts_hash: str


@dataclass(frozen=True)
class TablePlan:
    """What a backup does with one table: the files that it writes, and the partitions that earlier backups have."""

    table: str
    engine: str
    columns_hash: str
    packs: tuple[tuple[StoredPartition, ...], ...]
    partitions: tuple[BackupPartition, ...]
    """All partitions of the table, with the files that have their rows."""


def plan_table(client: Client, table: str, engine: str, earlier: Earlier | None) -> TablePlan:
    """Return the plan of one table of a snapshot. A partition is copied if no earlier backup has the same rows of it.

    The digest of a partition is read only if the files that hold it are not those of the earlier backup.
    """
    columns_hash = hash_columns(client, table)
    stored = list_partitions(client, table, engine)
    known = earlier.find(table, columns_hash) if earlier is not None else {}
    same = {one.partition_id for one in stored if is_same(one, known)}
    changed_ids = [one.partition_id for one in stored if one.partition_id not in same]
    if not changed_ids:
        digests = {}
    elif final_clause(engine):
        digests = {WHOLE_TABLE: read_digest(client, table, engine)}
    else:
        digests = {
            name: digest
            for ids in _cut(changed_ids, PACK_PARTITIONS)
            for name, digest in read_partition_digests(client, table, ids).items()
        }
    same |= {name for name, digest in digests.items() if name in known and known[name].digest == digest}
    packs = tuple(tuple(pack) for pack in pack_partitions(one for one in stored if one.partition_id not in same))
    paths = {one.partition_id: name_file(table, pack) for pack in packs for one in pack}
    partitions = tuple(
        replace(known[one.partition_id], parts_hash=one.parts_hash)
        if one.partition_id in same
        else BackupPartition(
            one.partition_id,
            digests[one.partition_id].row_count,
            digests[one.partition_id].content_hash,
            one.parts_hash,
            paths[one.partition_id],
        )
        for one in stored
    )
    return TablePlan(table, engine, columns_hash, packs, partitions)


def is_same(stored: StoredPartition, known: dict[str, BackupPartition]) -> bool:
    """Return whether an earlier backup has the rows of a partition from the very same files."""
    return stored.partition_id in known and known[stored.partition_id].parts_hash == stored.parts_hash


def list_partitions(client: Client, table: str, engine: str) -> list[StoredPartition]:
    """Return the partitions of a table that hold rows. A ReplacingMergeTree table counts as one partition."""
    partition_id = "''" if final_clause(engine) else "partition_id"
    rows = client.query(
        f"select {partition_id} as id, sum(bytes_on_disk),"
        " lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(hash_of_all_files)))))) from system.parts"
        " where active and database = currentDatabase() and table = {table:String} and rows > 0"
        " group by id order by id",
        parameters={"table": table},
    ).result_rows
    return [StoredPartition(str(name), int(size), str(parts_hash)) for name, size, parts_hash in rows]


def hash_columns(client: Client, table: str) -> str:
    """Return a hash of the names, types and default expressions of a table's columns."""
    row = read_row(
        client,
        "select lower(hex(SHA256(toString(groupArray((name, type, default_kind, default_expression)))))) from"
        " (select * from system.columns where database = currentDatabase() and table = {table:String}"
        " order by position)",
        {"table": table},
    )
    return str(row[0])


def pack_partitions(partitions: Iterable[StoredPartition]) -> Iterator[list[StoredPartition]]:
    """Yield lists of partitions that share a file. Their order is kept."""
    pack: list[StoredPartition] = []
    size_bytes = 0
    for partition in partitions:
        if pack and (size_bytes + partition.size_bytes > PACK_BYTES or len(pack) == PACK_PARTITIONS):
            yield pack
            pack, size_bytes = [], 0
        pack.append(partition)
        size_bytes += partition.size_bytes
    if pack:
        yield pack


def name_file(table: str, pack: Iterable[StoredPartition]) -> str:
    """Return the path of a file with the rows of some partitions, relative to the backup."""
    content = "/".join([table, *(partition.partition_id for partition in pack)])
    return f"data/{hashlib.sha256(content.encode()).hexdigest()[:32]}.native.zst"


def _cut(names: list[str], count: int) -> Iterator[list[str]]:
    for first in range(0, len(names), count):
        yield names[first : first + count]

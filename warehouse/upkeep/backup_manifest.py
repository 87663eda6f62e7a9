"""The manifest of a backup lists the tables, partitions and files of the backup with hashes.

A backup may take partitions from files of earlier backups, which the manifest then names. A restore checks all hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.warehouse.upkeep.table_digest import TableDigest

FORMAT_VERSION = 2
# The first format has one file for each partition, and does not list the partitions.
FORMAT_WITHOUT_PARTITIONS = 1
MANIFEST = "manifest.json"

Progress = Callable[[str, int, int, str], None]
"""Callback that receives the name of the work, the number of finished parts, of all parts, and a detail."""


@dataclass(frozen=True)
class BackupFile:
    """One file of a backup: rows of one or more partitions of a table in ClickHouse's Native format, zstd-compressed.

    The file has all rows of these partitions. A backup of the first format does not say which partitions they are.
    """

    path: str
    table: str
    size_bytes: int
    sha256: str
    partition_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackupPartition:
    """One partition of a table, or a whole table if the engine merges rows across partitions: the id is then empty."""

    partition_id: str
    row_count: int
    content_hash: int
    parts_hash: str
    """Hash of the files in which the warehouse stored the rows. Equal files hold equal rows."""
    path: str
    """File of the backup that has the rows."""
    backup: int = 0
    """Which backup has the file: 0 is the backup itself, n is the n-th of its earlier backups."""

    @property
    def digest(self) -> TableDigest:
        """Number and hash of the rows."""
        return TableDigest(self.row_count, self.content_hash)


@dataclass(frozen=True)
class BackupTable:
    """One table of a backup: its CREATE statement, its digest and its partitions."""

    name: str
    engine: str
    definition: str
    row_count: int
    content_hash: int
    columns_hash: str = ""
    """Hash of names, types and default expressions of the columns. Rows of tables with other columns are not shared."""
    partitions: tuple[BackupPartition, ...] = ()

    @property
    def digest(self) -> TableDigest:
        """The digest that the restored table must have."""
        return TableDigest(self.row_count, self.content_hash)


@dataclass(frozen=True)
class EarlierBackup:
    """A backup from which a later backup takes partitions.

    ``path`` is relative to the directory that contains the later backup, so that both can be moved together.
    """

    path: str
    manifest_sha256: str


@dataclass(frozen=True)
class Manifest:
    """The description of a backup's content."""

    database: str
    created_at: str
    engine_version: str
    tables: tuple[BackupTable, ...]
    views: Mapping[str, str]
    """CREATE statement of each view, by name."""
    files: tuple[BackupFile, ...]
    earlier: tuple[EarlierBackup, ...] = ()
    """The backups that have to be there to restore this one."""
    left_out_count: int = 0
    """Number of checkpoints and evaluations whose scores the ledgers did not state, so that they were not copied."""
    format: int = FORMAT_VERSION
    sha256: str = field(default="", compare=False)
    """SHA-256 of the content as it was written, if the manifest was read from a file."""

    @property
    def row_count(self) -> int:
        """Total number of rows of all tables."""
        return sum(table.row_count for table in self.tables)

    @property
    def size_bytes(self) -> int:
        """Total size of the backup's own files in bytes."""
        return sum(file.size_bytes for file in self.files)

    @property
    def partition_count(self) -> int:
        """Total number of partitions of all tables."""
        return sum(len(table.partitions) for table in self.tables)

    @property
    def copied_count(self) -> int:
        """Number of the partitions whose rows are in the backup's own files."""
        return sum(partition.backup == 0 for table in self.tables for partition in table.partitions)


def format_manifest(manifest: Manifest) -> str:
    """Return the manifest as JSON, with a SHA-256 of its own content."""
    content = asdict(manifest)
    del content["sha256"]
    return json.dumps({**content, "manifest_sha256": hash_content(content)}, indent=1, ensure_ascii=False)


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a backup and check its hash.

    Raises BadInputError if there is no manifest, if it was changed, or if a newer version of Trailhouse wrote it.
    """
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        written_hash = content.pop("manifest_sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{directory} holds no backup: {path} cannot be read", "name a complete backup") from error
    if hash_content(content) != written_hash:
        raise BadInputError(f"{path} was altered or damaged", "use another backup")
    if content["format"] > FORMAT_VERSION:
        raise BadInputError(f"{path} was written by a newer Trailhouse", "install that version")
    tables = tuple(
        BackupTable(
            **table | {"partitions": tuple(BackupPartition(**partition) for partition in table.get("partitions", ()))}
        )
        for table in content.pop("tables")
    )
    files = tuple(
        BackupFile(**file | {"partition_ids": tuple(file.get("partition_ids", ()))}) for file in content.pop("files")
    )
    earlier = tuple(EarlierBackup(**one) for one in content.pop("earlier", ()))
    return Manifest(tables=tables, files=files, earlier=earlier, sha256=written_hash, **content)


def verify_file(path: Path, file: BackupFile) -> None:
    """Compare the SHA-256 of a file with the manifest; raises BadInputError that names the file if it is wrong."""
    try:
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BadInputError(f"{path}, rows of {file.table}, cannot be read", "use another backup") from error
    if found != file.sha256:
        raise BadInputError(f"{path}, rows of {file.table}, was altered or damaged", "use another backup")


def check_size(path: Path, file: BackupFile) -> None:
    """Raise BadInputError if a file is missing or has another size than in the manifest. Its content is not read."""
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        raise BadInputError(f"{path}, rows of {file.table}, is missing or was altered", "use another backup")


def hash_content(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of the manifest's content, without the field ``manifest_sha256``."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

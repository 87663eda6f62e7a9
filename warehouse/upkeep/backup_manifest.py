"""The manifest of a backup lists the tables and files of the backup with hashes. A restore checks these hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.warehouse.upkeep.table_digest import TableDigest

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

Progress = Callable[[str, int, int, str], None]
"""Callback that receives the name of the work, the number of finished parts, of all parts, and the part's name."""


@dataclass(frozen=True)
class BackupFile:
    """One file of a backup: the rows of one partition of a table in ClickHouse's Native format, zstd-compressed."""

    path: str
    table: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class BackupTable:
    """One table of a backup: its CREATE statement and its digest."""

    name: str
    engine: str
    definition: str
    row_count: int
    content_hash: int

    @property
    def digest(self) -> TableDigest:
        """The digest that the restored table must have."""
        return TableDigest(self.row_count, self.content_hash)


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

    @property
    def row_count(self) -> int:
        """Total number of rows of all tables."""
        return sum(table.row_count for table in self.tables)

    @property
    def size_bytes(self) -> int:
        """Total size of all files in bytes."""
        return sum(file.size_bytes for file in self.files)


def format_manifest(manifest: Manifest) -> str:
    """Return the manifest as JSON, with a SHA-256 of its own content."""
    content = {"format": FORMAT_VERSION, **asdict(manifest)}
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
    if content.pop("format") != FORMAT_VERSION:
        raise BadInputError(f"{path} was written by a newer Trailhouse", "install that version")
    tables = tuple(BackupTable(**table) for table in content.pop("tables"))
    return Manifest(tables=tables, files=tuple(BackupFile(**file) for file in content.pop("files")), **content)


def verify_files(directory: Path, manifest: Manifest, progress: Progress = lambda *_: None) -> None:
    """Compare the SHA-256 of every file with the manifest; raises BadInputError naming the first wrong file."""
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


def hash_content(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of the manifest's content, without the field ``manifest_sha256``."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

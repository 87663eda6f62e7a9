"""This module finds the files of a backup. An incremental backup takes partitions from files of earlier backups."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.upkeep.backup_manifest import (
    FORMAT_WITHOUT_PARTITIONS,
    MANIFEST,
    BackupFile,
    BackupPartition,
    EarlierBackup,
    Manifest,
    Progress,
    check_size,
    read_manifest,
    verify_file,
)


@dataclass(frozen=True)
class Earlier:
    """An earlier backup, and all backups from which it takes partitions; it is the first of them itself."""

    directories: tuple[Path, ...]
    manifests: tuple[Manifest, ...]

    @classmethod
    def read(cls, directory: Path) -> Earlier:
        """Read an earlier backup. The sizes of its files are checked, and their content only at a restore.

        Raises BadInputError if the backup or one that it needs is missing or altered. Raises UsageError if an earlier
        version of Trailhouse wrote it, which did not list partitions.
        """
        manifest = read_manifest(directory)
        if manifest.format == FORMAT_WITHOUT_PARTITIONS:
            raise UsageError(
                f"{directory} was written by an earlier Trailhouse, which did not list partitions",
                "leave out --since once, and name the new backup from then on",
            )
        needed = read_needed(directory, manifest)
        for place, one in ((directory, manifest), *needed.items()):
            for file in one.files:
                check_size(place / file.path, file)
        return cls((directory, *needed), (manifest, *needed.values()))

    def find(self, table: str, columns_hash: str) -> dict[str, BackupPartition]:
        """Return the partitions of a table by id, if the table had the same columns. ``backup`` counts from 1."""
        for one in self.manifests[0].tables:
            if one.name == table and one.columns_hash == columns_hash:
                return {part.partition_id: replace(part, backup=part.backup + 1) for part in one.partitions}
        return {}

    def keep_used(self, manifest: Manifest, directory: Path) -> Manifest:
        """Return the manifest of the new backup ``directory``, with the earlier backups that it takes rows from."""
        used = sorted({part.backup for table in manifest.tables for part in table.partitions} - {0})
        numbers = {old: new for new, old in enumerate([0, *used])}
        tables = tuple(
            replace(table, partitions=tuple(replace(part, backup=numbers[part.backup]) for part in table.partitions))
            for table in manifest.tables
        )
        earlier = tuple(
            EarlierBackup(
                os.path.relpath(self.directories[number - 1].resolve(), directory.resolve().parent),
                self.manifests[number - 1].sha256,
            )
            for number in used
        )
        return replace(manifest, tables=tables, earlier=earlier)


@dataclass(frozen=True)
class SourceFile:
    """A file with rows of one table, and the partitions in it that are not restored, because they changed later."""

    path: Path
    file: BackupFile
    unwanted_ids: tuple[str, ...] = ()


def read_needed(directory: Path, manifest: Manifest) -> dict[Path, Manifest]:
    """Return the manifests of the earlier backups that a backup needs, by directory and in the order of the manifest.

    Raises BadInputError that names the first of them that is missing or is another backup than it was.
    """
    needed = {}
    for earlier in manifest.earlier:
        place = directory.resolve().parent / earlier.path
        if not (place / MANIFEST).is_file():
            raise BadInputError(
                f"{directory} takes rows from the earlier backup {place}, which is missing",
                "put it back to where it was beside this backup",
            )
        found = read_manifest(place)
        if found.sha256 != earlier.manifest_sha256:
            raise BadInputError(
                f"{directory} takes rows from the earlier backup {place}, which is another backup now",
                "put the earlier backup back to where it was beside this one",
            )
        needed[place] = found
    return needed


def list_sources(directory: Path, manifest: Manifest) -> list[SourceFile]:
    """Return the files that hold the rows of a backup, in the order of tables.

    Raises BadInputError if an earlier backup is missing or altered, or if a file is not listed in its manifest.
    """
    if manifest.format == FORMAT_WITHOUT_PARTITIONS:
        return [SourceFile(directory / file.path, file) for file in manifest.files]
    needed = read_needed(directory, manifest)
    places = [(directory, manifest), *needed.items()]
    listed = [{file.path: file for file in one.files} for _, one in places]
    sources = []
    for table in manifest.tables:
        wanted: dict[tuple[int, str], set[str]] = defaultdict(set)
        for partition in table.partitions:
            wanted[partition.backup, partition.path].add(partition.partition_id)
        for (number, path), partition_ids in wanted.items():
            place = places[number][0]
            file = listed[number].get(path)
            if file is None or file.table != table.name or not partition_ids.issubset(file.partition_ids):
                raise BadInputError(f"{place / MANIFEST} names no file with rows of {table.name}", "use another backup")
            unwanted = tuple(one for one in file.partition_ids if one not in partition_ids)
            sources.append(SourceFile(place / path, file, unwanted))
    return sources


def verify_sources(sources: list[SourceFile], progress: Progress = lambda *_: None) -> None:
    """Compare the SHA-256 of every file with the manifest; raises BadInputError naming the first wrong file."""
    for index, source in enumerate(sources):
        progress("Verifying", index, len(sources), source.file.table)
        verify_file(source.path, source.file)
    progress("Verifying", len(sources), len(sources), "")

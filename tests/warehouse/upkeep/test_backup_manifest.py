"""The manifest of a backup: its totals, its hash, and the files that it describes."""

import hashlib
import json
from dataclasses import replace

import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.upkeep.backup_manifest import (
    FORMAT_VERSION,
    MANIFEST,
    BackupFile,
    BackupTable,
    Manifest,
    format_manifest,
    hash_content,
    read_manifest,
    verify_files,
)
from trailhouse.warehouse.upkeep.table_digest import TableDigest

CONTENTS = {"data/a": b"rows of a", "data/b": b"more rows"}
FILES = tuple(
    BackupFile(path, path[-1], len(content), hashlib.sha256(content).hexdigest()) for path, content in CONTENTS.items()
)
TABLES = (BackupTable("a", "MergeTree", "CREATE", 3, 2**64 - 1), BackupTable("b", "MergeTree", "CREATE", 4, 5))
WHOLE = Manifest("d", "2026-01-01T00:00:00+00:00", "26.9", TABLES, {"v": "CREATE VIEW é"}, FILES)


@pytest.fixture
def backup(tmp_path):
    (tmp_path / "data").mkdir()
    for path, content in CONTENTS.items():
        (tmp_path / path).write_bytes(content)
    (tmp_path / MANIFEST).write_text(format_manifest(WHOLE), encoding="utf-8")
    return tmp_path


def rewrite(backup, **changes) -> None:
    """Change fields of a manifest and correct its hash."""
    content = json.loads((backup / MANIFEST).read_text()) | changes
    content.pop("manifest_sha256")
    (backup / MANIFEST).write_text(json.dumps({**content, "manifest_sha256": hash_content(content)}))


def test_a_manifest_is_read_back_as_it_was_written(backup):
    assert read_manifest(backup) == WHOLE
    assert (WHOLE.row_count, WHOLE.size_bytes) == (7, 18)
    assert TABLES[0].digest == TableDigest(3, 2**64 - 1)


@pytest.mark.parametrize("content", ["", "[]", "{}", "3"])
def test_a_directory_without_a_manifest_is_no_backup(backup, content):
    (backup / MANIFEST).write_text(content)
    with pytest.raises(BadInputError, match="holds no backup"):
        read_manifest(backup)


def test_a_manifest_that_was_changed_or_is_of_another_version_is_refused(backup):
    rewrite(backup)
    assert read_manifest(backup) == WHOLE
    rewrite(backup, format=FORMAT_VERSION + 1)
    with pytest.raises(BadInputError, match="was written by a newer Trailhouse"):
        read_manifest(backup)
    text = format_manifest(WHOLE).replace("26.9", "26.8")
    (backup / MANIFEST).write_text(text)
    with pytest.raises(BadInputError, match="was altered or damaged"):
        read_manifest(backup)


def test_the_files_are_verified_in_order_and_progress_is_reported_before_each(backup):
    seen = []
    verify_files(backup, WHOLE, lambda *event: seen.append(event))
    assert seen == [("Verifying", 0, 2, "a"), ("Verifying", 1, 2, "b"), ("Verifying", 2, 2, "")]
    verify_files(backup, WHOLE)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"other"), lambda path: path.unlink()])
def test_the_first_wrong_file_is_named(backup, damage):
    damage(backup / "data/b")
    with pytest.raises(BadInputError, match="data/b, rows of b, "):
        verify_files(backup, WHOLE)
    verify_files(backup, replace(WHOLE, files=FILES[:1]))


def test_the_hash_does_not_depend_on_the_order_of_the_fields():
    one = hash_content({"a": 1, "b": "é"})
    assert hash_content({"b": "é", "a": 1}) == one
    assert one == hashlib.sha256('{"a": 1, "b": "é"}'.encode()).hexdigest()

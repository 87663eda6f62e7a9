"""The statements and files that make `default` an ordinary database."""

from __future__ import annotations

import pytest

from trailhouse.server.engine.default_database import prepare_metadata, replace_overlay


@pytest.fixture
def metadata(tmp_path):
    folder = tmp_path / "metadata"
    folder.mkdir()
    return folder


def test_a_definition_without_its_database_is_removed(tmp_path, metadata):
    (metadata / "default.sql").write_text("ATTACH DATABASE")
    prepare_metadata(tmp_path)
    prepare_metadata(tmp_path)  # there is nothing to remove
    assert list(metadata.iterdir()) == []


def test_a_database_without_its_definition_gets_one_and_a_definition_is_kept(tmp_path, metadata):
    (metadata / "default").symlink_to(tmp_path / "store" / "abc" / "abc123")
    prepare_metadata(tmp_path)
    written = "ATTACH DATABASE _ UUID 'abc123'\nENGINE = Atomic\n"
    assert (metadata / "default.sql").read_text() == written
    (metadata / "default.sql").write_text("as it was")
    prepare_metadata(tmp_path)
    assert (metadata / "default.sql").read_text() == "as it was"


@pytest.mark.parametrize("is_defined", [False, True])
def test_the_overlay_is_replaced_by_the_stored_database_or_a_new_one(tmp_path, metadata, is_defined):
    if is_defined:
        (metadata / "default.sql").write_text("ATTACH DATABASE")
    asked: list[str] = []
    replace_overlay(tmp_path, asked.append)
    attached = ["DETACH DATABASE default", "ATTACH DATABASE default"]
    created = ["DROP DATABASE default", "CREATE DATABASE default ENGINE = Atomic"]
    assert asked[:2] == (attached if is_defined else created)
    assert len(asked) == (2 if is_defined else 4)

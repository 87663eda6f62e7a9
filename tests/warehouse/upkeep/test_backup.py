"""Backups: a restored database equals the original, and a damaged backup is refused before it replaces a database."""

import json
import multiprocessing
import re
import shutil
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.sample_load import load_everything
from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.cluster import refuse_cluster
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep import backup as backup_module
from trailhouse.warehouse.upkeep.backup import back_up
from trailhouse.warehouse.upkeep.backup_manifest import read_manifest
from trailhouse.warehouse.upkeep.restore import rename_references, restore
from trailhouse.warehouse.upkeep.table_digest import list_stored_tables

DEPLOYMENT = ROOT / "docs" / "how_to" / "deployment.md"


def read_everything(address):
    """Return all rows of all tables, by table."""
    with connect(address) as client:
        return {
            table: sorted(map(repr, client.query(f"select * from {table} final").result_rows))
            if engine == "ReplacingMergeTree"
            else sorted(map(repr, client.query(f"select * from {table}").result_rows))
            for table, engine in list_stored_tables(client).items()
        }


@pytest.fixture(scope="module")
def filled(embedded_server):
    """A database with a corpus, two scored checkpoints, a table of unusual values and a view."""
    address = WarehouseAddress.parse(
        embedded_server.url, f"kept_{uuid.uuid4().hex}", user=embedded_server.user, password=embedded_server.password
    )
    apply_migrations(address, read_migrations(packaged_migrations()))
    load_everything(address)
    with connect(address) as client:
        client.command(
            "create table odd (k Int64, s LowCardinality(String), u Nullable(UUID), a Array(Nullable(Float64)),"
            " d DateTime64(3, 'UTC'), f FixedString(4), m Map(String, Int32), derived String alias concat(s, 'x'))"
            " engine = MergeTree partition by k order by s comment 'it''s odd'"
        )
        client.command(
            "insert into odd select number, ['', 'a\\tb', '日本'][number % 3 + 1],"
            " if(number % 2, null, generateUUIDv4()),"
            " [nan, null, inf], now64(3), 'ab', map('k', number) from numbers(7)"
        )
        client.command(
            "insert into raw_suite (suite_id, description, updated_at) values ('s', 'the valid row', now() + 1)"
        )
        client.command(f"create view v as select k, s from {address.database}.odd where s != '{address.database}.odd'")
        client.command("create view owned definer = current_user sql security definer as select k from odd")
        yield address
        client.command(f"drop database {address.database} sync")


@pytest.fixture(scope="module")
def whole_copy(filled, tmp_path_factory):
    directory = tmp_path_factory.mktemp("backups") / "copy"
    back_up(filled, directory)
    return directory


@pytest.fixture
def copy(whole_copy, tmp_path):
    """A copy of the backup that a test may damage."""
    return Path(shutil.copytree(whole_copy, tmp_path / "copy"))


@pytest.fixture
def other(filled):
    """A second database, which does not exist yet."""
    address = replace(filled, database=f"other_{uuid.uuid4().hex}")
    yield address
    with connect(filled) as client:
        client.command(f"drop database if exists {address.database} sync")


def databases(address):
    with connect(address, needs_database=False) as client:
        return {name for (name,) in client.query("select name from system.databases").result_rows}


def test_a_restored_database_holds_just_what_was_backed_up(filled, copy, other):
    before = databases(filled)
    restore(other, copy)
    assert read_everything(other) == read_everything(filled)
    with connect(other) as client:
        assert client.query("select count() from v").result_rows == [(7,)]
        assert client.query("select comment from system.tables where name = 'odd'").result_rows[0] == ("it's odd",)
        assert client.query("select derived from odd where s = 'a\\tb' limit 1").result_rows == [("a\tbx",)]
    assert databases(filled) - before == {other.database}


def test_a_backup_of_a_restored_database_is_the_same_again(copy, other, tmp_path):
    restore(other, copy)
    again = back_up(other, tmp_path / "again")
    assert [table.digest for table in again.tables] == [table.digest for table in read_manifest(copy).tables]


@pytest.mark.parametrize("definer", ["loader", "`the loader`", "default"])
def test_the_user_who_restores_becomes_the_definer_of_a_view(copy, other, definer):
    """The user who made the view may not exist in the warehouse that the backup is restored into."""
    manifest = read_manifest(copy)
    views = {name: text.replace("DEFINER = default", f"DEFINER = {definer}") for name, text in manifest.views.items()}
    assert f"DEFINER = {definer} SQL SECURITY DEFINER" in views["owned"]
    (copy / "manifest.json").unlink()
    backup_module.write_manifest(copy, replace(manifest, views=views))
    restore(other, copy)
    with connect(other) as client:
        assert client.query("select count() from owned").result_rows == [(7,)]
        text = client.command(
            "select create_table_query from system.tables where name = 'owned' and database = currentDatabase()"
        )
    assert "DEFINER = default SQL SECURITY DEFINER" in text


def test_a_database_with_rows_is_replaced_only_on_request(filled, copy):
    expected = read_everything(filled)
    with connect(filled) as client:
        client.command("truncate table raw_token_score")
    with pytest.raises(UsageError, match="is not empty"):
        restore(filled, copy)
    restore(filled, copy, replaces=True)
    assert read_everything(filled) == expected
    assert not [name for name in databases(filled) if name.startswith(("restored_", "replaced_"))]


def test_the_raw_tables_without_rows_count_as_empty(copy, other):
    apply_migrations(other, read_migrations(packaged_migrations()))
    restore(other, copy)
    assert len(read_everything(other)["raw_token_score"]) == 12000


def flip_byte(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def damages(copy):
    """Return functions that each damage the backup in one way, by name."""
    manifest = read_manifest(copy)
    largest = copy / max(manifest.files, key=lambda file: file.size_bytes).path
    return {
        "a byte of a file": lambda: flip_byte(largest, largest.stat().st_size // 2),
        "the end of a file": lambda: largest.write_bytes(largest.read_bytes()[:-1]),
        "a file": largest.unlink,
        "a byte of the manifest": lambda: flip_byte(copy / "manifest.json", 300),
        "the manifest": (copy / "manifest.json").unlink,
        "half of the manifest": lambda: (copy / "manifest.json").write_bytes(b'{"format": 1'),
        "the files' hashes, consistently": lambda: forge_manifest(copy, largest),
    }


def forge_manifest(copy, path):
    """Remove a file from the manifest and correct the manifest's hash: only the restored table can show the loss."""
    manifest = read_manifest(copy)
    smaller = replace(manifest, files=tuple(file for file in manifest.files if copy / file.path != path))
    (copy / "manifest.json").unlink()
    backup_module.write_manifest(copy, smaller)


@pytest.mark.parametrize("damage", range(7))
def test_a_damaged_backup_is_named_and_replaces_nothing(filled, copy, damage):
    before, names = read_everything(filled), databases(filled)
    what, harm = list(damages(copy).items())[damage]
    harm()
    with pytest.raises(BadInputError) as refusal:
        restore(filled, copy, replaces=True)
    assert str(copy) in refusal.value.message or "after restoring" in refusal.value.message, what
    assert read_everything(filled) == before
    assert databases(filled) == names


def test_a_directory_that_exists_is_not_overwritten(filled, tmp_path):
    with pytest.raises(UsageError, match="exists"):
        back_up(filled, tmp_path)


def test_a_killed_backup_leaves_nothing_that_looks_like_one(filled, tmp_path):
    before = read_everything(filled)
    process = multiprocessing.get_context("spawn").Process(target=back_up, args=(filled, tmp_path / "copy"))
    process.start()
    while not list(tmp_path.glob(".copy.*/data/*")):
        time.sleep(0.002)
    process.kill()
    process.join()
    assert not (tmp_path / "copy").exists()
    (partial,) = tmp_path.iterdir()
    with pytest.raises(BadInputError, match="holds no backup"):
        restore(filled, partial, replaces=True)
    assert read_everything(filled) == before


def test_a_warehouse_on_a_cluster_is_left_to_the_cluster(copy, other):
    with pytest.raises(UsageError, match="its tables are made on many"):
        restore(replace(other, cluster="many"), copy)
    with connect(other, needs_database=False) as client:
        refuse_cluster(client, other.database)
        commands = re.findall(r"^(?:BACKUP|RESTORE)[^;]*;", DEPLOYMENT.read_text(), re.MULTILINE)
        assert len(commands) == 2
        for command in commands:
            question = "select formatQuerySingleLine({s:String})"
            parsed = client.query(question, parameters={"s": command.rstrip(";")}).result_rows[0][0]
            assert "ON CLUSTER trailhouse" in parsed


def test_only_references_to_the_database_are_renamed_in_views():
    definition = "CREATE VIEW d.v AS SELECT d.x, `d`.y, 'd.z', ad.b FROM d.t"
    assert rename_references(definition, "d", "e") == "CREATE VIEW `e`.v AS SELECT `e`.x, `e`.y, 'd.z', ad.b FROM `e`.t"


def test_the_manifest_says_what_is_in_the_backup(copy):
    content = json.loads((copy / "manifest.json").read_text())
    rows = {table["name"]: table["row_count"] for table in content["tables"]}
    assert len({file["path"] for file in content["files"]}) == len(content["files"])
    assert (rows["raw_token_score"], rows["odd"], rows["raw_suite"]) == (12000, 7, 1)
    (scores,) = [file for file in content["files"] if file["table"] == "raw_token_score"]
    assert len(scores["partition_ids"]) == 2
    assert (content["earlier"], content["left_out_count"], content["format"]) == ([], 0, 2)

"""Incremental backups: a chain restores to the same rows as a full backup, and is refused if a link is missing."""

import shutil
import tarfile
import uuid
from pathlib import Path

import pytest

from tests.support.database_content import read_content
from tests.support.paths import ROOT
from tests.support.sample_load import load_everything, make_batches, scored_partition
from tests.support.score_batches import load
from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep import backup_plan
from trailhouse.warehouse.upkeep.backup import back_up
from trailhouse.warehouse.upkeep.backup_chain import list_sources
from trailhouse.warehouse.upkeep.backup_manifest import FORMAT_WITHOUT_PARTITIONS, read_manifest
from trailhouse.warehouse.upkeep.restore import restore


def load_step(address, step: int, weights: str = "a") -> None:
    with connect(address) as client:
        load(client, scored_partition(step, weights), make_batches(step, -int(weights, 16)))


def remove_step(address, step: int) -> None:
    with connect(address) as client:
        client.command(f"alter table raw_score_ledger delete where step = {step} settings mutations_sync = 2")
        client.command(f"alter table raw_token_score drop partition tuple('s/m', 'few', {step})")


@pytest.fixture(scope="module")
def made(embedded_server, tmp_path_factory):
    """A database, and three backups of it, each since the one before.

    Checkpoints are added, scored again and removed between them.
    """
    address = WarehouseAddress.parse(
        embedded_server.url, f"chain_{uuid.uuid4().hex}", user=embedded_server.user, password=embedded_server.password
    )
    directory = tmp_path_factory.mktemp("chain")
    apply_migrations(address, read_migrations(packaged_migrations()))
    load_everything(address)
    load_step(address, 3)
    back_up(address, directory / "1")
    load_step(address, 2, "b")
    load_step(address, 4)
    remove_step(address, 3)
    back_up(address, directory / "2", since=directory / "1")
    load_step(address, 5)
    load_step(address, 4, "b")
    with connect(address) as client:
        client.command("insert into raw_suite (suite_id, updated_at) values ('added', now())")
    back_up(address, directory / "3", since=directory / "2")
    yield address, directory
    with connect(address) as client:
        client.command(f"drop database {address.database} sync")


@pytest.fixture
def chain(made, tmp_path):
    """A copy of the three backups that a test may damage."""
    return Path(shutil.copytree(made[1], tmp_path / "chain"))


def count_copied(manifest) -> int:
    """Return how many checkpoints have their scores in the backup's own files."""
    (table,) = [table for table in manifest.tables if table.name == "raw_token_score"]
    return sum(partition.backup == 0 for partition in table.partitions)


def test_a_chain_of_backups_restores_to_the_same_rows_as_a_full_backup(made, chain, restored):
    address = made[0]
    full = back_up(address, chain / "full")
    last = read_manifest(chain / "3")
    assert [table.digest for table in last.tables] == [table.digest for table in full.tables]
    assert [earlier.path for earlier in last.earlier] == ["2", "1"]
    assert (count_copied(last), count_copied(full)) == (2, 4)
    restore(restored, chain / "3")
    assert read_content(restored) == read_content(address)


def test_every_backup_of_a_chain_restores_to_its_own_time(chain, restored):
    steps = {}
    for name in "123":
        restore(restored, chain / name, replaces=True)
        with connect(restored) as client:
            steps[name] = client.query(
                "select step, any(left(toString(weights_sha256), 1)) from raw_token_score"
                " inner join (select * from raw_score_ledger final) as ledger using (model_id, corpus_id, step)"
                " group by step order by step"
            ).result_rows
    assert [steps[name] for name in "123"] == [
        [(1, "a"), (2, "a"), (3, "a")],
        [(1, "a"), (2, "b"), (4, "a")],
        [(1, "a"), (2, "b"), (4, "b"), (5, "a")],
    ]


def test_a_chain_may_be_moved_as_a_whole(made, chain, restored):
    moved = chain.rename(chain.with_name("moved"))
    restore(restored, moved / "3")
    assert read_content(restored) == read_content(made[0])


def test_nothing_is_copied_if_nothing_changed(address, tmp_path, monkeypatch):
    load_everything(address)
    first = back_up(address, tmp_path / "1")

    def refuse(*arguments):
        assert arguments[1] != "raw_token_score", "unchanged files are not read again"
        return read_partition_digests(*arguments)

    read_partition_digests = backup_plan.read_partition_digests
    monkeypatch.setattr(backup_plan, "read_partition_digests", refuse)
    again = back_up(address, tmp_path / "2", since=tmp_path / "1")
    assert (again.files, again.copied_count, again.row_count) == ((), 0, first.row_count)
    assert [one.path for one in again.earlier] == ["1"]


def test_an_earlier_backup_is_not_needed_if_nothing_is_taken_from_it(address, tmp_path):
    with connect(address) as client:
        client.command("create table only (a Int64) engine = MergeTree order by a as select 1")
        for (table,) in client.query("show tables").result_rows:
            if table != "only":
                client.command(f"drop table {table} sync")
        back_up(address, tmp_path / "1")
        client.command("insert into only values (2)")
    assert back_up(address, tmp_path / "2", since=tmp_path / "1").earlier == ()


def test_a_table_with_other_columns_is_copied_whole(address, tmp_path):
    load_everything(address)
    back_up(address, tmp_path / "1")
    with connect(address) as client:
        client.command("alter table raw_token_score add column added Int64")
    again = back_up(address, tmp_path / "2", since=tmp_path / "1")
    assert count_copied(again) == 2


def list_databases(address, name: str) -> list[str]:
    """Return the databases whose names contain ``name``."""
    with connect(address) as client:
        rows = client.query(
            "select name from system.databases where position(name, {name:String}) > 0", parameters={"name": name}
        ).result_rows
    return [str(name) for (name,) in rows]


def alter_file(directory: Path) -> None:
    path = find_largest(directory)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda chain: shutil.rmtree(chain / "1"), "1, which is missing"),
        (lambda chain: shutil.rmtree(chain / "2"), "2, which is missing"),
        (lambda chain: shutil.copy(chain / "2" / "manifest.json", chain / "1"), "another backup now"),
        (lambda chain: alter_file(chain / "1"), "was altered or damaged"),
        (lambda chain: (chain / "2" / "manifest.json").write_text("{}"), "holds no backup"),
    ],
)
def test_a_missing_or_altered_link_is_named_and_nothing_is_restored(address, chain, restored, harm, message):
    harm(chain)
    with pytest.raises(BadInputError, match=message) as refusal:
        restore(restored, chain / "3")
    assert "\n" not in str(refusal.value)
    assert not list_databases(address, restored.database)


def find_largest(directory: Path) -> Path:
    return max((directory / "data").iterdir(), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda chain: shutil.rmtree(chain / "1"), "1, which is missing"),
        (lambda chain: find_largest(chain / "1").unlink(), "is missing or was altered"),
        (lambda chain: find_largest(chain / "3").write_bytes(b"short"), "is missing or was altered"),
    ],
)
def test_a_backup_since_an_incomplete_chain_is_refused(address, chain, harm, message):
    harm(chain)
    with pytest.raises(BadInputError, match=message):
        back_up(address, chain / "4", since=chain / "3")
    assert not (chain / "4").exists()


def test_small_partitions_share_a_file_and_large_ones_have_their_own(address, tmp_path, monkeypatch, restored):
    monkeypatch.setattr(backup_plan, "PACK_PARTITIONS", 3)
    load_everything(address)
    for step in range(10, 15):
        load_step(address, step)
    manifest = back_up(address, tmp_path / "packed")
    packs = [len(file.partition_ids) for file in manifest.files if file.table == "raw_token_score"]
    assert packs == [3, 3, 1]
    monkeypatch.setattr(backup_plan, "PACK_BYTES", 1)
    manifest = back_up(address, tmp_path / "alone")
    assert [len(file.partition_ids) for file in manifest.files if file.table == "raw_token_score"] == [1] * 7
    restore(restored, tmp_path / "packed")
    assert read_content(restored) == read_content(address)


@pytest.fixture
def first_format(tmp_path):
    """A backup that was written before backups listed partitions."""
    with tarfile.open(ROOT / "tests" / "fixtures" / "earlier_backup" / "backup.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "backup"


def test_a_backup_of_the_first_format_is_restored(first_format, restored):
    manifest = read_manifest(first_format)
    assert manifest.format == FORMAT_WITHOUT_PARTITIONS
    assert len(list_sources(first_format, manifest)) == len(manifest.files)
    restore(restored, first_format)
    with connect(restored) as client:
        scores = "select step, count(), any(log_prob_nats) from raw_token_score group by step order by step"
        assert client.query(scores).result_rows == [(1, 30, -1.0), (2, 30, -2.0)]
        assert client.query("select count() from few").result_rows == [(4,)]


def test_a_damaged_backup_of_the_first_format_is_refused(first_format, restored):
    alter_file(first_format)
    with pytest.raises(BadInputError, match="was altered or damaged"):
        restore(restored, first_format)


def test_no_backup_is_made_since_one_of_the_first_format(address, first_format, tmp_path):
    with pytest.raises(UsageError, match="did not list partitions"):
        back_up(address, tmp_path / "next", since=first_format)

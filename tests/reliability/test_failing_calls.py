"""One call to the server fails during a load, a migration or a backup: each call in turn, one in each run.

The run succeeds or ends with a named error, which has a message and a hint. A second run, in which no call fails,
completes the work.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.reliability.disturbed_calls import meet_fault
from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.database_content import describe_difference, read_content
from tests.support.sample_load import WRITTEN_TABLES, find_partial_checkpoints, load_everything
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.backup import back_up
from trailhouse.warehouse.upkeep.backup_chain import list_sources, verify_sources
from trailhouse.warehouse.upkeep.backup_manifest import read_manifest
from trailhouse.warehouse.upkeep.table_digest import TableDigest

FAULTS = ("lose_reply", "unavailable", "reset", "cut_reply")
# only loads meet calls that hang: a load limits the time of each call, but a migration and a backup may wait for long
FAULTS_OF_LOADS = (*FAULTS, "hang")


@pytest.fixture
def loaded(shared_server):
    """The address of a database that holds the sample rows."""
    address = shared_server.new_database()
    load_everything(address)
    yield address
    shared_server.drop(address)


@pytest.mark.reliability(table="Reliability", row="fail the Nth call of a load, N = 1, 2, ...", ci=1, release=5)
def test_a_load_survives_the_failure_of_any_call(row: Row, shared_server, loaded):
    expected = read_content(loaded, WRITTEN_TABLES)
    call_count = 0
    for index in range(row.asked):
        call_count += fail_each_call(
            lambda fault, number: fail_call_of_load(shared_server, loaded, fault, number, expected, row),
            FAULTS_OF_LOADS,
            index,
        )
        row.done_count += 1
    row.detail = f"{call_count} calls failed, one in each load"


@pytest.mark.reliability(table="Reliability", row="the same of init and backup", release=4)
def test_migrations_and_backups_survive_the_failure_of_any_call(row: Row, shared_server, loaded, tmp_path):
    with connect(loaded) as client:
        definitions = read_definitions(client)
    expected_count = back_up(loaded, tmp_path / "clean").row_count

    def migrate(fault: str, number: int) -> bool:
        return fail_call_of_migration(shared_server, loaded, fault, number, definitions, row)

    def copy(fault: str, number: int) -> bool:
        parent = Path(tempfile.mkdtemp(dir=tmp_path))
        return fail_call_of_backup(shared_server, loaded, fault, number, parent / "copy", expected_count, row)

    call_count = 0
    for index in range(row.asked):
        call_count += fail_each_call(migrate, FAULTS, index) + fail_each_call(copy, FAULTS, index)
        row.done_count += 1
    row.detail = f"{call_count} calls failed, one in each run"


def fail_each_call(fail_call: Callable[[str, int], bool], faults: tuple[str, ...], index: int) -> int:
    """Run again and again: call 1 fails in the first run, call 2 in the second, and so on.

    The loop ends with the first run that has fewer calls. Returns the number of calls that failed. The fault of a call
    depends on ``index``, the number of the pass from 0. So after as many passes as there are faults, each call has met
    each fault.
    """
    number = 1
    while fail_call(faults[(number + index) % len(faults)], number):
        number += 1
    return number - 1


def fail_call_of_load(
    server: RunningServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    expected: dict[str, TableDigest],
    row: Row,
) -> bool:
    """Load into empty tables with one failing call, then load again; return whether the load made that call.

    No checkpoint may be visible in part after the first load, and all rows have to be there after the second.
    """
    with connect(address) as client:
        for table in WRITTEN_TABLES:
            client.command(f"truncate table {table}")
    has_met = meet_fault(server, address, fault, number, load_everything, row)
    with connect(address) as client:
        for problem in find_partial_checkpoints(client):
            row.require(False, f"{fault} at call {number}: {problem}")
    load_everything(address)
    difference = describe_difference(read_content(address, WRITTEN_TABLES), expected)
    row.require(not difference, f"{fault} at call {number}: loaded again, {difference} differ")
    return has_met


def fail_call_of_migration(
    server: RunningServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    definitions: list[tuple[str, str]],
    row: Row,
) -> bool:
    """Migrate a new database with one failing call, then again; its schema has to be complete."""
    migrations = read_migrations(packaged_migrations())
    other = replace(address, database=f"d{uuid.uuid4().hex}")
    has_met = meet_fault(server, other, fault, number, lambda disturbed: apply_migrations(disturbed, migrations), row)
    apply_migrations(other, migrations)
    with connect(other) as client:
        row.require(read_definitions(client) == definitions, f"{fault} at call {number}: the schema differs")
    server.drop(other)
    return has_met


def fail_call_of_backup(
    server: RunningServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    directory: Path,
    expected_count: int,
    row: Row,
) -> bool:
    """Back up with one failing call; the backup has all rows or does not exist, and no temporary file stays."""
    has_met = meet_fault(server, address, fault, number, lambda disturbed: back_up(disturbed, directory), row)
    if directory.exists():
        manifest = read_manifest(directory)
        verify_sources(list_sources(directory, manifest))
        row.require(manifest.row_count == expected_count, f"{fault} at call {number}: {manifest.row_count} rows")
    left = list(directory.parent.glob(".*"))
    row.require(not left, f"{fault} at call {number}: {left} are left")
    return has_met


def read_definitions(client: Client) -> list[tuple[str, str]]:
    """Return the name and definition of each table, without the name of the database."""
    rows = client.query(
        "select name, replace(create_table_query, currentDatabase(), '') from system.tables"
        " where database = currentDatabase() order by name"
    ).result_rows
    return [(str(name), str(text)) for name, text in rows]
